"""Words as numbers, without a vocabulary and without a download: counts of letter sequences."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import lru_cache

import torch
from jaxtyping import Float
from torch import Tensor

from vergence import errors, shapes

__all__ = ["WIDTH", "hashed_words"]

WIDTH = 1024
"""Places of a row, where nothing else is asked for."""
LETTERS = 3


def hashed_words(texts: Sequence[str], width: int = WIDTH) -> Float[Tensor, "texts width"]:
    r"""How often each word, and each sequence of three letters in a word, occurs in a text.

        "red apple"  ->  <red> <re red ed> <apple> <ap app ppl ple le>   each counted at place crc32(it) mod width

    texts: strings; case and punctuation do not count, order of words does not either. width: places of a row. Two
    sequences may share a place; at 1,024 and a dozen words that is a few in a hundred.

    Related words (apple, apples, pineapple) share places, so an encoder trained on some has seen part of others.
    A text without letters or digits is a row of 0. The same text always gives the same row, on any machine.

    Raises ArgumentError.
    Source: letter sequences with word ends as in Bojanowski et al. 2017, arXiv:1607.04606, there of 3 to 6 letters; the
    hashing trick of Weinberger et al. 2009, arXiv:0902.2206, without signs.
    """
    shapes.check_count("hashed_words", "width", width)
    if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
        kind = "one string" if isinstance(texts, str) else "not all strings"
        raise errors.ArgumentError(
            f'hashed_words: texts is {kind}. Give a list of strings, for example ["red apple", "tree"].'
        )
    rows = torch.zeros(len(texts), width)
    for row, text in zip(rows, texts, strict=True):
        places = [place for word in _words(text) for place in _places(word, width)]
        row.index_add_(0, torch.tensor(places, dtype=torch.long), torch.ones(len(places)))
    return rows


def _words(text: str) -> list[str]:
    return "".join(letter if letter.isalnum() else " " for letter in text.lower()).split()


@lru_cache(maxsize=20_000)
def _places(word: str, width: int) -> tuple[int, ...]:
    marked = f"<{word}>"
    parts = {marked, *(marked[i : i + LETTERS] for i in range(len(marked) - LETTERS + 1))}
    return tuple(sorted(zlib.crc32(part.encode()) % width for part in parts))
