"""Gallery: pictures reach both Python pens as they are, made coarse where the file has to be small."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tests.panels.test_pairs import gallery, run
from vergence_widgets.draw import matplotlib_pen, plotly_pen
from vergence_widgets.draw.gallery import coarse, fitted, said
from vergence_widgets.figure import figure
from vergence_widgets.freeze import size
from vergence_widgets.panels import pairs


def images(described: dict) -> list[np.ndarray]:
    found = described["layout"].get("images", [])
    data = [base64.b64decode(one["source"].partition(",")[2]) for one in found]
    return [np.asarray(Image.open(io.BytesIO(one)).convert("RGB")) for one in data]


def test_plotly_shows_the_pictures_of_the_frame():
    panel = pairs.spec(run())
    worst = gallery(panel, "positives")
    strips = images(plotly_pen.describe([panel]))
    assert len(strips) == 3, "one for each list that has pairs"
    # A picture of 8 px stands twice as large in a strip of 16, which shows it at half size.
    assert np.array_equal(strips[0][:16:2, :16:2], worst.first[0])
    assert np.array_equal(strips[0][:16:2, 17:33:2], worst.second[0])


def test_plotly_says_numbers_and_who_the_two_are():
    panel = pairs.spec(run())
    found = plotly_pen.describe([panel])
    texts = [text for trace in found["data"] for text in trace.get("text", [])]
    assert "0.82 → 0.31" in texts
    hover = [text for trace in found["data"] for text in trace.get("hovertext", [])]
    assert hover[0] == "0.82 → 0.31<br>view 1, row 0, animals<br>view 2, row 7, animals"
    titles = [note["text"] for note in found["layout"]["annotations"]]
    assert "hardest negatives, other labels: mean 0.11, was 0.90" in titles
    assert "none of 65,280: inputs nearer than 0.15 of the usual distance" in titles


def test_labels_that_hold_markup_are_words():
    history = run()
    history.describe(label_names=["x", "<script>alert(1)</script>"])
    told = str(plotly_pen.describe([pairs.spec(history)]))
    assert "<script>" not in told
    assert "&lt;script&gt;" in told


def test_solid_for_positives_and_dashed_for_negatives():
    found = plotly_pen.describe([pairs.spec(run())])["data"]
    strokes = [trace["line"] for trace in found if "line" in trace and trace["line"].get("width") == 2.0]
    assert [line.get("dash", "solid") for line in strokes] == ["solid", "5px,3px", "5px,3px"]


def test_it_is_small_where_the_file_has_to_be():
    panel = pairs.spec(run())
    described = plotly_pen.describe([panel], most=100)
    assert size(described) < 24_000
    assert max(strip.shape[0] for strip in images(described)) == 16
    assert figure("pairs", run()).layout.images


@pytest.mark.parametrize("pictures", [True, False])
def test_matplotlib_draws_pictures_or_row_numbers(pictures):
    panel = pairs.spec(run(pictures=pictures))
    drawn = np.asarray(Image.open(io.BytesIO(matplotlib_pen.png([panel], scale=1.0))).convert("RGB"))
    first = gallery(panel, "positives").first
    if pictures:
        # Each pixel of an 8 px picture is a square of 4: its middle has its very colour.
        colours = {tuple(pixel) for pixel in drawn.reshape(-1, 3).tolist()}
        wanted = {tuple(pixel) for pixel in first[0].reshape(-1, 3).tolist()}
        assert len(wanted & colours) > 0.9 * len(wanted)
    assert drawn.shape[1] > 400
    assert len(images(plotly_pen.describe([panel]))) == (3 if pictures else 0)


def test_coarse_is_the_mean_of_what_it_stands_for():
    tiles = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    small = coarse(tiles)
    assert small.shape == (2, 16, 16, 3)
    assert abs(float(small.mean()) - float(tiles.mean())) < 1
    assert coarse(tiles[:, :8, :8]).shape == (2, 8, 8, 3)


@pytest.mark.parametrize(
    ("width", "height", "drawn"), [(8, 8, (32, 32)), (28, 28, (28, 28)), (32, 16, (32, 16)), (64, 32, (32, 16))]
)
def test_small_pictures_grow_by_whole_numbers(width, height, drawn):
    assert fitted(width, height, 32) == drawn


def test_then_comes_before_now():
    assert said(("0.31", "was 0.82")) == "0.82 → 0.31"
    assert said(("0.31", "")) == "0.31"
