from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vergence import shapes
from vergence.errors import (
    ArgumentError,
    DeviceMismatch,
    NotFinite,
    NotUnitLength,
    ShapeError,
    TooFewRows,
    ZeroRows,
)


def test_every_name_is_exported() -> None:
    assert sorted(shapes.__all__) == shapes.__all__
    assert all(hasattr(shapes, name) for name in shapes.__all__)


def test_shape_of() -> None:
    assert shapes.shape_of(torch.zeros(2, 3)) == "(2, 3)"
    assert shapes.shape_of(torch.zeros(())) == "()"
    assert shapes.shape_of([1, 2]) == "list"


@pytest.mark.parametrize(
    ("z", "error", "words"),
    [
        ([[1.0]], ShapeError, r"f: z is a list. It must be a torch tensor \(batch, dim\).*torch.as_tensor\(z\)"),
        (torch.zeros(3), ShapeError, r"z is \(3\). .*give it a batch axis: z\[None\]"),
        (torch.zeros(2, 3, 4), ShapeError, r"z is \(2, 3, 4\). .*flatten it first: z.flatten\(1\)"),
        (torch.zeros(2, 3, dtype=torch.long), ShapeError, r"z has dtype torch.int64. .*z.float\(\)"),
        (torch.zeros(2, 3, dtype=torch.complex64), ShapeError, r"z has dtype torch.complex64"),
        (torch.zeros(2, 0), ShapeError, r"z is \(2, 0\): it has no columns"),
        (torch.zeros(0, 3), TooFewRows, r"z has 0 rows, 1 are needed"),
    ],
)
def test_embeddings(z: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        shapes.check_embeddings("f", "z", z)


def test_embeddings_that_pass() -> None:
    for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64):
        shapes.check_embeddings("f", "z", torch.zeros(1, 1, dtype=dtype))
    shapes.check_embeddings("f", "z", torch.zeros(2, 3), rows=2)
    with pytest.raises(TooFewRows, match=r"z has 1 row, 2 are needed. .*drop_last=True"):
        shapes.check_embeddings("f", "z", torch.zeros(1, 3), rows=2)


def test_same_shape() -> None:
    a = torch.zeros(3, 2)
    shapes.check_same_shape("f", a=a, b=a.double())
    with pytest.raises(ShapeError, match=r"f: a is \(3, 2\) but b is \(1, 2\). Both views need one row per sample"):
        shapes.check_same_shape("f", a=a, b=a[:1])
    with pytest.raises(ShapeError, match=r"a is \(3, 2\) but b is \(3, 1\). Both views must come out of the same head"):
        shapes.check_same_shape("f", a=a, b=a[:, :1])
    with pytest.raises(DeviceMismatch, match=r"a is on cpu but b is on meta. Move one: b.to\(a.device\)"):
        shapes.check_same_shape("f", a=a, b=a.to("meta"))


def test_labels() -> None:
    shapes.check_labels("f", torch.zeros(3, dtype=torch.int32), 3)
    with pytest.raises(ShapeError, match=r"labels is a list. .*integer tensor \(3,\); use torch.as_tensor\(labels\)"):
        shapes.check_labels("f", [0, 1, 2], 3)
    with pytest.raises(ShapeError, match=r"labels has dtype torch.float32. Use integers: labels.long\(\)"):
        shapes.check_labels("f", torch.zeros(3), 3)
    with pytest.raises(ShapeError, match=r"positives is \(2\) but there are 3 rows"):
        shapes.check_labels("f", torch.zeros(2, dtype=torch.long), 3, name="positives")
    with pytest.raises(ShapeError, match=r"labels is \(3, 1\) but there are 3 rows. One integer per row: \(3,\)"):
        shapes.check_labels("f", torch.zeros(3, 1, dtype=torch.long), 3)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_finite(bad: float) -> None:
    z = torch.ones(4, 3)
    shapes.check_finite("f", "z", z)
    z[1, 2] = z[1, 0] = z[3, 0] = bad
    with pytest.raises(NotFinite, match=r"f: 2 of 4 rows of z are not finite"):
        shapes.check_finite("f", "z", z)
    with pytest.raises(NotFinite, match=r"2 of 3"):
        shapes.check_finite("f", "z", z[1:, 0])


def test_nonzero() -> None:
    z = torch.eye(4)
    shapes.check_nonzero("f", "z", z * 1e-30)
    z[2, 2] = 0
    with pytest.raises(ZeroRows, match=r"f: 1 of 4 rows of z are zero.*ReLU"):
        shapes.check_nonzero("f", "z", z)


def test_unit() -> None:
    shapes.check_unit("f", "z", torch.eye(4))
    shapes.check_unit("f", "z", torch.eye(4) * 1.0009)
    with pytest.raises(
        NotUnitLength, match=r"f: 4 of 4 rows of z do not have length 1 .*1.005 to 1.005.*geometry.unit\(z\) first"
    ):
        shapes.check_unit("f", "z", torch.eye(4) * 1.005)
    shapes.check_unit("f", "z", (torch.eye(4) * 1.005).bfloat16())


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "1", None, torch.tensor(1.0)])
def test_what_is_not_a_positive_number(value: object) -> None:
    with pytest.raises(ArgumentError, match=r"f: x is .*It must be a finite number above 0"):
        shapes.check_positive("f", "x", value)
    if value != 0:
        with pytest.raises(ArgumentError, match=r"f: x is .*It must be a finite number, 0 or above"):
            shapes.check_nonnegative("f", "x", value)


@pytest.mark.parametrize("value", [1, 0.5, np.float32(0.1), np.int64(3)])
def test_what_is_a_number(value: object) -> None:
    shapes.check_positive("f", "x", value)
    shapes.check_nonnegative("f", "x", value)
    shapes.check_nonnegative("f", "x", 0.0)


def test_count() -> None:
    shapes.check_count("f", "n", 1)
    shapes.check_count("f", "n", np.int32(2), least=2)
    for value in (0, -1, 1.0, True, "3", None):
        with pytest.raises(ArgumentError, match=r"f: n is .*It must be a whole number, 1 or above"):
            shapes.check_count("f", "n", value)
    with pytest.raises(ArgumentError, match="2 or above"):
        shapes.check_count("f", "n", 1, least=2)
