"""Training pairs: the emoji set, digits, and your own data.

    vg.data.emoji()                        1,595 emoji by three artists: the default
    vg.data.digits()                       8 x 8 digits, for checks
    vg.data.source(images, labels)         a tensor, an array, (x, y) or a map-style Dataset
    vg.data.emoji_words()                  emoji and what they are called: pairs of two kinds
    vg.data.paired(images, texts)          pairs of two kinds of your own

A source says what the samples are, which two items make a positive pair, and what the labels mean. It
makes no augmentation: that is what `vergence.views` are for.
"""

from __future__ import annotations

from vergence.data.arrays import ArraySource
from vergence.data.base import Source
from vergence.data.datasets import DatasetSource
from vergence.data.digits import digits
from vergence.data.emoji import Emoji, emoji
from vergence.data.paired import EmojiWords, Paired, emoji_words, paired
from vergence.data.source import source
from vergence.data.thumbnails import thumbnails
from vergence.data.words import hashed_words

__all__ = [
    "ArraySource",
    "DatasetSource",
    "Emoji",
    "EmojiWords",
    "Paired",
    "Source",
    "digits",
    "emoji",
    "emoji_words",
    "hashed_words",
    "paired",
    "source",
    "thumbnails",
]
