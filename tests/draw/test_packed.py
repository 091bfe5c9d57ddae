"""Messages: nothing is lost, and nothing is in them that JSON cannot say."""

from __future__ import annotations

import base64
import json
import math
from dataclasses import fields, is_dataclass
from typing import Any, get_args

import numpy as np
import pytest

from tests.panels import story
from vergence_widgets.draw.packed import inline, pack
from vergence_widgets.panels import every, spec
from vergence_widgets.panels.spec import Line, Mark, Panel

KINDS = {"float32": "<f4", "int32": "<i4", "uint8": "u1"}


@pytest.fixture(scope="module")
def panels() -> dict[str, Panel]:
    return every(story.simclr(300))


def same(value: Any, packed: Any, array: Any) -> None:
    """Compare a spec with its JSON, array by array and field by field."""
    if isinstance(value, np.ndarray):
        back = array(packed)
        assert back.shape == value.shape
        np.testing.assert_array_equal(back, value if value.dtype.name in KINDS else value.astype("<f4"))
    elif is_dataclass(value) and not isinstance(value, type):
        names = {item.name for item in fields(value)}
        assert names <= set(packed)
        assert set(packed) - names <= {"type"}
        for name in names:
            same(getattr(value, name), packed[name], array)
    elif isinstance(value, tuple | list):
        assert len(value) == len(packed)
        for one, other in zip(value, packed, strict=True):
            same(one, other, array)
    elif isinstance(value, dict):
        assert list(value) == list(packed)
        for name in value:
            same(value[name], packed[name], array)
    else:
        assert packed == value


def test_everything_arrives(panels):
    content, buffers = pack({"type": "frame", "panels": panels})
    content = json.loads(json.dumps(content, allow_nan=False))

    def array(entry):
        return np.frombuffer(buffers[entry["$buffer"]], KINDS[entry["dtype"]]).reshape(entry["shape"])

    same(panels, content["panels"], array)


def test_everything_arrives_in_a_file(panels):
    content = json.loads(json.dumps(inline({"panels": panels}), allow_nan=False))

    def array(entry):
        return np.frombuffer(base64.b64decode(entry["$base64"]), KINDS[entry["dtype"]]).reshape(entry["shape"])

    same(panels, content["panels"], array)


def test_layers_say_their_type_and_nothing_else_does(panels):
    content, _ = pack({"panels": panels})
    names = {layer.__name__.lower() for layer in get_args(spec.Layer)}
    for panel in content["panels"].values():
        assert "type" not in panel
        for plot in panel["plots"]:
            assert "type" not in plot
            assert all(layer["type"] in names for layer in plot["layers"])


def test_numbers_outside_of_arrays_are_exact(panels):
    content, _ = pack({"panels": panels})
    assert content["panels"]["loss"]["headline"]["value"] == panels["loss"].headline.value


def test_what_is_not_finite_is_null_outside_and_nan_inside_of_arrays():
    layer = Line("raw", np.asarray([1.0, 2.0]), np.asarray([math.nan, 1.0]), width=math.inf)
    content, buffers = pack({"layer": layer, "cost": math.nan, "step": np.int64(7), "rate": np.float64("inf")})
    assert content["layer"]["width"] is None
    assert content["cost"] is None
    assert content["rate"] is None
    assert content["step"] == 7
    assert type(content["step"]) is int
    assert math.isnan(np.frombuffer(buffers[content["layer"]["y"]["$buffer"]], "<f4")[0])


def test_arrays_of_any_kind_become_little_endian_float32():
    content, buffers = pack({"x": np.asarray([1, 2], ">i8"), "y": np.arange(6.0).reshape(2, 3)[:, ::2]})
    assert buffers[content["x"]["$buffer"]] == np.asarray([1, 2], "<f4").tobytes()
    assert buffers[content["y"]["$buffer"]] == np.asarray([[0, 2], [3, 5]], "<f4").tobytes()
    assert content["y"]["shape"] == [2, 2]


def test_a_mark_without_a_place_has_null():
    assert pack({"mark": Mark(3.0, "lr")})[0]["mark"]["label_y"] is None


def test_a_frame_of_three_panels_is_small():
    content, buffers = pack({"panels": every(story.simclr(1482))})
    assert len(json.dumps(content)) + sum(map(len, buffers)) < 80_000
