"""Training pairs: the emoji set, digits, and your own data.

    vg.data.emoji()                        1,595 emoji by three artists: the default
    vg.data.digits()                       8 x 8 digits, for checks
    vg.data.source(images, labels)         a tensor, an array, (x, y) or a map-style Dataset
    vg.data.emoji_words()                  emoji and what they are called: pairs of two kinds
    vg.data.paired(images, texts)          pairs of two kinds of your own

Data with a known truth (`.truth`), on which a measurement can be tried:

    vg.data.latent_factors()               classes, subclasses, quantities and nuisance in rows of 32 numbers
    vg.data.signal_noise(noise=1.0)        Gaussian rows, half of whose axes are drowned by the views
    vg.data.subclasses(separation=3.0)     classes made of clouds that are near one another, or far
    vg.data.tri_feature(correlation=0.0)   pictures of ten shapes, textures and colours
    vg.data.two_towers(gap=0.5)            pairs of two kinds with a gap between them
    vg.data.two_towers_words()             pictures and words that say some of what is in them

or that does something known to any of these, and to your own:

    vg.data.rand_bits(source, bits=8)      a shortcut of k random bits that both views share
    vg.data.planted_duplicates(source)     a share of the samples are copies of others
    vg.data.long_tail(source)              classes of very different size

A source says what the samples are, which two items make a positive pair, and what the labels mean. It
makes no augmentation: that is what `vergence.views` are for.
"""

from __future__ import annotations

from vergence.data.arrays import ArraySource
from vergence.data.base import Source
from vergence.data.datasets import DatasetSource
from vergence.data.digits import digits
from vergence.data.emoji import Emoji, emoji
from vergence.data.known import FactorViews, Known
from vergence.data.latent_factors import latent_factors
from vergence.data.long_tail import LongTail, long_tail
from vergence.data.paired import EmojiWords, Paired, emoji_words, paired
from vergence.data.planted_duplicates import PlantedDuplicates, planted_duplicates
from vergence.data.rand_bits import RandBits, rand_bits
from vergence.data.signal_noise import signal_noise
from vergence.data.source import source
from vergence.data.subclasses import subclasses
from vergence.data.thumbnails import thumbnails
from vergence.data.tri_feature import tri_feature
from vergence.data.truth import Truth
from vergence.data.two_towers import KnownPairs, two_towers, two_towers_words
from vergence.data.words import hashed_words
from vergence.data.wrapped import Wrapped, inner_source

__all__ = [
    "ArraySource",
    "DatasetSource",
    "Emoji",
    "EmojiWords",
    "FactorViews",
    "Known",
    "KnownPairs",
    "LongTail",
    "Paired",
    "PlantedDuplicates",
    "RandBits",
    "Source",
    "Truth",
    "Wrapped",
    "digits",
    "emoji",
    "emoji_words",
    "hashed_words",
    "inner_source",
    "latent_factors",
    "long_tail",
    "paired",
    "planted_duplicates",
    "rand_bits",
    "signal_noise",
    "source",
    "subclasses",
    "thumbnails",
    "tri_feature",
    "two_towers",
    "two_towers_words",
]
