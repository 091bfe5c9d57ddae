"""The shape checks of `tests/contracts.py` are on, and can fail."""

from __future__ import annotations

import inspect
import textwrap

import pytest
import torch
from jaxtyping import TypeCheckError, install_import_hook

import vergence

SOURCE = textwrap.dedent(
    """
    from __future__ import annotations
    from jaxtyping import Float
    from torch import Tensor

    def lax(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        return z.flatten(1).sum(1)

    def wrong(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        return z.sum(0)

    def guarded(z: Float[Tensor, "batch dim"]) -> Float[Tensor, " batch"]:
        if z.ndim != 2:
            raise ValueError("guarded: z must be (batch, dim)")
        return z.sum(1)

    def scale(z: Float[Tensor, "batch dim"], by: float) -> Float[Tensor, "batch dim"]:
        return z * by
    """
)


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("contracts")
    (folder / "contract_example.py").write_text(SOURCE)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        with install_import_hook("contract_example", "tests.contracts.signatures_hold"):
            import contract_example
        yield contract_example


def test_a_wrong_shape_that_is_swallowed_fails(example):
    with pytest.raises(TypeCheckError):
        example.lax(torch.zeros(2, 3, 4))


def test_a_wrong_return_value_fails(example):
    with pytest.raises(TypeCheckError):
        example.wrong(torch.zeros(2, 3))


def test_the_door_speaks_first(example):
    with pytest.raises(ValueError, match="guarded: z must be"):
        example.guarded(torch.zeros(2, 3, 4))


def test_right_shapes_pass_and_an_int_is_a_float(example):
    assert example.scale(torch.ones(2, 3), 2).shape == (2, 3)


def test_the_package_itself_is_checked():
    from vergence import shapes

    # jaxtyping's wrapper hides the function behind __wrapped__; without the hook there is none.
    assert hasattr(shapes.shape_of, "__wrapped__")
    assert inspect.getmodule(inspect.unwrap(shapes.shape_of)) is shapes
    assert vergence.__version__
