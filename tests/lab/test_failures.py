"""Made embeddings with one failure each: which number sees it, and which does not."""

from __future__ import annotations

import pytest
import torch

from bench import failures
from vergence import errors
from vergence.lab.embeddings import FAILURES, embeddings

SEEDS = 3

# Far from what a healthy run reads, by column; near it, or better, where a number misses the failure.
SEEN: dict[str, dict[str, tuple[float, float]]] = {
    "healthy": {
        "std": (0.97, 1.0), "uniformity": (-3.80, -3.70), "alignment": (0.09, 0.12),
        "rank": (115, 122), "rank c": (115, 122), "part.": (50, 65), "NT-Xent": (5.7, 5.9),
        "kNN": (0.98, 1.0), "within": (1.6, 1.95),
    },
    "complete collapse": {
        "std": (0.0, 0.03), "uniformity": (-0.01, 0.0), "alignment": (0, 0.001), "rank": (1, 4), "NT-Xent": (7.6, 7.63),
    },
    "dimensional collapse": {
        "uniformity": (-2.6, -2.0), "rank": (4, 20), "rank c": (4, 20), "part.": (3, 4.2), "kNN": (0.1, 0.5),
    },
    "views not aligned": {"alignment": (1.9, 2.1), "NT-Xent": (7.6, 7.7), "kNN": (0, 0.15), "within": (40, 100)},
    "cone": {"std": (0.3, 0.5), "uniformity": (-0.9, -0.5), "NT-Xent": (7.1, 7.4)},
    "class collapse": {"rank": (12, 25), "rank c": (12, 25), "part.": (10, 15.1), "within": (0, 0.01)},
    "two clusters": {
        "uniformity": (-0.8, -0.6), "rank": (5, 15), "part.": (1, 1.1), "NT-Xent": (6.9, 7.0), "kNN": (0, 0.15),
    },
    "shortcut": {"kNN": (0, 0.15), "within": (40, 100)},
}  # fmt: skip
MISSED: dict[str, dict[str, tuple[float, float]]] = {
    "complete collapse": {"rank c": (115, 122), "part.": (50, 65), "kNN": (0.98, 1.0), "within": (1.6, 1.95)},
    "dimensional collapse": {"std": (0.85, 1.0), "alignment": (0, 0.01)},
    "views not aligned": {
        "std": (0.99, 1.01), "uniformity": (-3.95, -3.92), "rank": (124, 128), "rank c": (124, 128),
        "part.": (100, 128),
    },
    "cone": {"rank c": (115, 122), "part.": (50, 65), "kNN": (0.98, 1.0), "alignment": (0.01, 0.03)},
    "class collapse": {"std": (0.9, 1.0), "kNN": (0.98, 1.0), "alignment": (0, 0.002), "NT-Xent": (5.9, 6.1)},
    "two clusters": {"alignment": (0, 0.01), "std": (0.7, 1.0)},
    "shortcut": {
        "std": (0.99, 1.01), "uniformity": (-3.95, -3.92), "alignment": (0.07, 0.09), "rank": (124, 128),
        "rank c": (124, 128), "part.": (100, 128), "NT-Xent": (5.69, 5.75),
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def table() -> dict[str, dict[str, list[float]]]:
    return failures.table(SEEDS, 1024, 128)


@pytest.mark.parametrize("failure", FAILURES)
def test_what_sees_a_failure_and_what_misses_it(table, failure):
    assert set(table[failure]) == set(failures.COLUMNS)
    for column, (low, high) in (SEEN[failure] | MISSED.get(failure, {})).items():
        for value in table[failure][column]:
            assert low <= value <= high, (failure, column, value)


def test_a_shortcut_scores_best_of_all_but_for_the_labels(table):
    """Feature suppression is invisible without them."""
    for column, better in (("uniformity", min), ("rank", max), ("part.", max), ("NT-Xent", min)):
        aligned = {name: columns[column][0] for name, columns in table.items() if name != "views not aligned"}
        assert aligned["shortcut"] == better(aligned.values()), column


def test_the_table_is_printed_with_its_scale(table):
    text = failures.printed(table, 1024, 128)
    assert "chance 7.624, floor 5.643" in text
    for failure in FAILURES:
        assert failure in text


@pytest.mark.parametrize("failure", FAILURES)
def test_rows_are_unit_and_the_same_each_time(failure):
    found, again = embeddings(failure, n=64, dim=16, classes=4), embeddings(failure, n=64, dim=16, classes=4)
    for rows in (found.a, found.b):
        assert torch.allclose(rows.norm(dim=1), torch.ones(64), atol=1e-5)
    assert torch.equal(found.a, again.a)
    assert found.labels.bincount().tolist() == [16] * 4
    assert not torch.equal(found.a, embeddings(failure, n=64, dim=16, classes=4, seed=1).a)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"failure": "complete colapse"}, "complete collapse"),
        ({"n": 10, "classes": 8}, "n is 10"),
        ({"dim": 4}, "dim is 4"),
        ({"classes": 1}, "classes is 1"),
    ],
)
def test_what_cannot_be_made_is_refused(more, words):
    with pytest.raises(errors.InputError, match=words):
        embeddings(**more)
