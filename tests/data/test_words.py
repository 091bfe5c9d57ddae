"""Words as counts of letter sequences: what is counted, where, and that nothing else matters."""

from __future__ import annotations

import zlib

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vergence import errors
from vergence.data import hashed_words


def slow(text, width):
    row = [0.0] * width
    for word in "".join(c if c.isalnum() else " " for c in text.lower()).split():
        marked = f"<{word}>"
        parts = {marked} | {marked[i : i + 3] for i in range(len(marked) - 2)}
        for place in [zlib.crc32(part.encode()) % width for part in parts]:
            row[place] += 1
    return row


@given(text=st.text(max_size=40), width=st.sampled_from([1, 7, 64, 1024]))
def test_slow_twin(text, width):
    assert hashed_words([text], width).tolist() == [slow(text, width)]


def test_what_counts_and_what_does_not():
    rows = hashed_words(["Red apple!", "apple red", "red", "apples", "zebra", "", "?!"])
    assert torch.equal(rows[0], rows[1])
    assert rows.shape == (7, 1024)
    assert rows[5:].sum() == 0
    shared = (rows[0].minimum(rows[3])).sum()
    assert shared > 3 > (rows[0].minimum(rows[4])).sum()  # apple and apples, apple and zebra


def test_a_word_stands_for_itself_on_any_machine():
    assert hashed_words(["red"], 16).nonzero()[:, 1].tolist() == sorted(
        {zlib.crc32(part) % 16 for part in (b"<red>", b"<re", b"red", b"ed>")}
    )


def test_what_is_no_text_is_refused():
    with pytest.raises(errors.ArgumentError, match=r"texts is one string\. Give a list of strings"):
        hashed_words("red apple")
    with pytest.raises(errors.ArgumentError, match="not all strings"):
        hashed_words(["red", 3])
    with pytest.raises(errors.ArgumentError, match="width is 0"):
        hashed_words(["red"], 0)
