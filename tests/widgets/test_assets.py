"""The sheet of the reference set: its name, its pictures, and how a page gets it."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from vergence.record.history import History
from vergence.record.until import Until
from vergence_widgets import assets
from vergence_widgets.draw.packed import pack
from vergence_widgets.panels import sheet as naming
from vergence_widgets.panels.sheet import asset_name


def described(count=7, height=6, width=9, *, names=True, seed=0) -> History:
    history = History()
    pictures = np.random.default_rng(seed).integers(0, 255, (count, height, width, 3)).astype(np.uint8)
    words = [f"<b>item</b> {index}" for index in range(count)] if names else None
    history.describe({"reference/thumbnails": pictures}, reference={"names": words})
    return history


@pytest.mark.parametrize("count", [1, 2, 7, 64, 65])
def test_each_item_can_be_cut_from_the_sheet_again(count):
    history = described(count)
    sheet = assets.sheet(history)
    picture = np.asarray(Image.open(io.BytesIO(sheet["png"].tobytes())))
    for item in range(count):
        top, left = (item // sheet["columns"]) * 6, (item % sheet["columns"]) * 9
        tile = picture[top : top + sheet["height"], left : left + sheet["width"]]
        np.testing.assert_array_equal(tile, history.arrays["reference/thumbnails"][item])
    assert (sheet["count"], sheet["width"], sheet["height"]) == (count, 9, 6)
    assert sheet["names"][0] == "<b>item</b> 0"


def test_the_name_is_that_of_the_content():
    assert asset_name(described()) == asset_name(described())
    others = {asset_name(described(**more)) for more in ({}, {"seed": 1}, {"names": False}, {"count": 8})}
    assert len(others) == 4
    assert all(name.startswith("reference/") for name in others)


def test_without_pictures_and_names_there_is_none():
    assert asset_name(History()) == ""
    assert assets.sheet(History())["png"] is None
    odd = History()
    odd.describe({"reference/thumbnails": np.zeros((0, 4, 4, 3), np.uint8)})
    assert asset_name(odd) == ""


def test_items_with_names_alone_have_a_sheet_of_names():
    history = History()
    history.describe(reference={"names": ["a", "b"]})
    assert asset_name(history)
    assert assets.sheet(history) | {"name": ""} == assets.NOTHING | {"count": 2, "names": ["a", "b"]}


def test_the_content_is_read_once(monkeypatch):
    history = described(seed=5)
    name = asset_name(history)
    monkeypatch.setattr(naming, "_digest", lambda *_: pytest.fail("read again"))
    assert asset_name(history) == name
    assert asset_name(Until(history, 3)) == name


def test_other_pictures_are_another_name_though_they_lie_where_the_first_lay():
    history = described(seed=6)
    before = asset_name(history)
    history.arrays["reference/thumbnails"] = history.arrays["reference/thumbnails"][::-1]
    assert asset_name(history) != before


def test_a_page_gets_what_it_asks_for_once_for_many_wishes(page):
    history = described()
    history.add_scalars(1, {"loss": 1.0})
    opened = page(history)
    name = asset_name(history)
    opened.say("want_asset", name=name)
    opened.say("want_asset", name=name)
    opened.tick()
    found = [(message, buffers) for message, buffers in zip(opened.messages, opened.buffers, strict=True)
             if message["type"] == "asset"]  # fmt: skip
    assert len(found) == 1
    message, buffers = found[0]
    assert message["name"] == name
    assert message["png"]["dtype"] == "uint8"
    assert buffers[message["png"]["$buffer"]] == assets.sheet(history)["png"].tobytes()
    assert message == pack({"type": "asset", **assets.sheet(history)})[0]


def test_a_sheet_that_is_no_more_is_answered_with_nothing(page):
    opened = page(described())
    opened.say("want_asset", name="reference/gone")
    opened.tick()
    message = next(message for message in opened.messages if message["type"] == "asset")
    assert (message["name"], message["png"], message["count"]) == ("reference/gone", None, 0)
