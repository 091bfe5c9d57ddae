"""A loss built around another one."""

from __future__ import annotations

from typing import Any

from torch import nn

from vergence import errors
from vergence.losses.loss import Base, Loss

__all__ = ["Around"]


class Around(Base, nn.Module):
    """What losses around another one share: its keywords, its settings and its parameters are theirs as well.

    base: the loss inside. settings: those of this loss; their names must not be the base's.

    Raises ArgumentError.
    """

    def __init__(self, base: Loss, **settings: float) -> None:
        nn.Module.__init__(self)
        Base.__init__(self, **settings)
        both = sorted(set(settings) & set(base.settings()))
        if both:
            raise errors.ArgumentError(
                f"{type(self).__name__}: {base.name} has a setting {both[0]!r} as well, so nobody could tell which of "
                "the two is meant. Put another loss inside."
            )
        self.base: Any = base  # a module among them brings its parameters along
        self.views = base.views
        self.needs = getattr(base, "needs", ())  # type: ignore[misc]
        self.takes = getattr(base, "takes", ())  # type: ignore[misc]

    def settings(self) -> dict[str, float]:
        """The base's and this loss's own."""
        return {**self.base.settings(), **self._settings}

    def set(self, name: str, value: float) -> None:
        """Change a setting of either, from the next call on. Raises UnknownName, ArgumentError."""
        if name in self._settings:
            super().set(name, value)
        elif name in self.base.settings():
            self.base.set(name, value)
        else:
            raise errors.UnknownName(f"{type(self).__name__}.set", name, self.settings(), what="setting")

    def __repr__(self) -> str:
        own = "".join(f", {name}={value:g}" for name, value in self._settings.items())
        return f"{type(self).__name__}({self.base!r}{own})"
