"""One thread for small linear algebra.

The matrices measured here are a few hundred rows. OpenBLAS (numpy's and scipy's) would split them over threads that
then wait for those of torch, which spin: a map of 512 items took 20 ms with two pools of threads and 6 ms with one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

from threadpoolctl import ThreadpoolController

__all__ = ["OneThread"]


class OneThread:
    """`with one_thread():` BLAS works on the calling thread; torch is left as it is.

    Made after the libraries are loaded, since it knows those that are there.
    """

    def __init__(self) -> None:
        self._controller = ThreadpoolController()

    def __call__(self) -> AbstractContextManager[Any]:
        """While it lasts."""
        limit: AbstractContextManager[Any] = self._controller.limit(limits=1, user_api="blas")
        return limit
