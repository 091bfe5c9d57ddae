"""Long tails: the imbalance that was asked for is the one that is there, and what was taken away stays away."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vergence as vg
from tests.data.wrapping import EVERY, Listed, classes, generator, rows
from vergence import errors
from vergence.data import Source, digits, emoji, latent_factors, long_tail, planted_duplicates, rand_bits, source


def counts(made):
    return torch.bincount(made.labels)


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 90), min_size=2, max_size=8),
    imbalance=st.floats(1, 60),
    seed=st.integers(0, 100),
)
def test_the_imbalance_is_realised(sizes, imbalance, seed):
    labels = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels = labels[torch.randperm(len(labels), generator=generator(seed))]
    data = torch.arange(float(len(labels)))[:, None]
    try:
        made = long_tail((data, labels), imbalance, seed=seed)
    except errors.ArgumentError as error:
        assert "so the smallest would have none" in str(error)  # noqa: PT017 - which of both happens is drawn
        most = int(str(error).split("At most ")[1].split()[0])
        assert most < imbalance
        assert min(long_tail((data, labels), most).sizes.values()) >= 1
        return
    there = counts(made)
    assert bool((there >= 1).all())
    assert bool((there <= torch.tensor(sizes)).all())
    # Rounding moves each size by a half at most.
    order = torch.argsort(torch.tensor(sizes), descending=True, stable=True)
    share = imbalance ** (-torch.arange(len(sizes)) / (len(sizes) - 1))
    first = float((torch.tensor(sizes)[order] / share).min())
    assert bool(((there[order] - first * share).abs() <= 0.5 + 1e-3).all())
    assert made.truth.knobs["realised"] == int(there.max()) / int(there.min())
    assert made.truth.knobs["samples"] == len(made) == len(made.kept)
    assert made.sizes == {c: int(n) for c, n in enumerate(there)}


def test_digits_fall_off_exponentially():
    made = long_tail(digits(), 20)
    there = counts(made)
    assert there.argmax() == counts(digits()).argmax()
    assert made.truth.knobs["realised"] == pytest.approx(20, rel=0.1)
    there = there.sort(descending=True).values
    ratios = torch.log(there[:-1].float() / there[1:])
    assert float(ratios.mean()) == pytest.approx(math.log(20) / 9, rel=0.02)
    assert torch.equal(made.truth.factors["class size"], counts(made)[made.labels])


def test_one_makes_all_equally_large():
    made = long_tail(emoji(), 1)
    assert counts(made).unique().numel() == 1
    assert made.truth.knobs["realised"] == 1


@pytest.mark.parametrize("kind", EVERY)
def test_any_source_with_labels(kind):
    made = long_tail(EVERY[kind](), 2)
    inside = made.inside
    assert isinstance(made, Source)
    assert source(made) is made
    index = torch.tensor([1, 0, len(made) - 1])
    a, b = made.pair(index, generator())
    first, second = inside.pair(made.kept[index], generator())
    if made.positives != "same group":
        assert torch.equal(a, first)
        assert torch.equal(b, second)
    assert torch.equal(made.label_of(index), inside.label_of(made.kept[index]))
    assert made.label_names == inside.label_names
    assert torch.equal(made.reference(20)[0], inside.reference(20)[0])
    pictures = inside.thumbnails(20)
    assert made.thumbnails(20) is None if pictures is None else (made.thumbnails(20) == pictures).all()
    assert bool((made.kept.diff() > 0).all())


def test_a_dataset_is_read_for_its_labels():
    made = long_tail(Listed(), 4)
    assert sorted(made.sizes.values()) == [5, 10, 20]
    assert list(made.label_names) == ["a", "b", "c"]


def test_samples_without_a_label_are_left_out():
    labels = classes()
    labels[:10] = -1
    made = long_tail((rows(), labels), 2)
    assert int(made.labels.min()) == 0
    assert int(made.kept.min()) >= 10


def test_partners_in_a_group_stay():
    grouped = source(torch.arange(60.0)[:, None], classes(), groups=torch.arange(60) % 6)
    made = long_tail(grouped, 4)
    kept, draw = set(made.kept.tolist()), generator()
    for _ in range(30):
        a, b = made.pair(torch.arange(len(made)), draw)
        assert set(b[:, 0].int().tolist()) <= kept
        assert torch.equal(a.int() % 6, b.int() % 6)
    assert torch.equal(made.positives_of(torch.arange(len(made))), made.kept % 6)
    # The same through something in between.
    both = long_tail(planted_duplicates(grouped, 0.3), 4)
    shown = set(both.inside.truth.factors["copy of"][both.kept].tolist())
    for _ in range(30):
        assert set(both.pair(torch.arange(len(both)), draw)[1][:, 0].int().tolist()) <= shown


def test_what_was_known_follows_the_samples():
    made = long_tail(latent_factors(256), 4)
    assert torch.equal(made.truth.factors["subclass"], made.inside.truth.factors["subclass"][made.kept])
    assert made.about_reference(50)["label"] == "class"
    twice = long_tail(long_tail(digits(), 2), 8)
    assert twice.truth.knobs["realised"] == pytest.approx(8, rel=0.1)
    assert torch.equal(twice.truth.factors["class size"], counts(twice)[twice.labels])
    bits = rand_bits(long_tail(digits(), 10), bits=2)
    assert (len(bits), bits.truth.knobs["imbalance"]) == (len(long_tail(digits(), 10)), 10)


def test_the_seed_decides_which_samples_stay():
    one, same, other = (long_tail(digits(), 10, seed=seed).kept for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


@pytest.mark.parametrize(
    ("data", "imbalance", "words"),
    [
        (lambda: digits(), 0.5, r"imbalance is 0\.5\. It is a number, 1 or above: the largest class over the smallest"),
        (lambda: digits(), float("inf"), "imbalance is inf"),
        (lambda: digits(), "100", "imbalance is '100'"),
        (
            lambda: (rows(), classes()),
            30,
            r"the largest class has 20 samples, so the smallest .*At most 20 is possible",
        ),
        (lambda: rows(), 10, r"has no labels, .*long_tail\(\(x, labels\)\)"),
        (lambda: (rows(), torch.zeros(60).long()), 10, "there is 1 class among 60 samples"),
        (lambda: (rows(), torch.full((60,), -1)), 10, "there are no classes among 60 samples"),
    ],
)
def test_what_cannot_be_is_refused(data, imbalance, words):
    with pytest.raises(errors.ArgumentError, match=words):
        long_tail(data(), imbalance)


def test_a_run_trains_on_it():
    run = vg.Run(
        vg.methods.SupCon(dim=8), long_tail(digits(), 20), batch=64, driver="inline", save=False, reference=100
    )
    run.start(steps=3)
    assert run.steps_done == 3


def test_a_copy_whose_original_was_left_out_shows_the_first_that_stayed():
    made = long_tail(planted_duplicates((rows(200), torch.arange(200) % 4), 0.5), 20)
    of, there = made.truth.factors["copy of"], torch.arange(len(made))
    items = made.pair(there, generator())[0]
    assert torch.equal(items[of], items)
    assert torch.equal(of[of], of)
    assert len(of.unique()) == len(items.unique(dim=0))
    assert made.truth.knobs["copies"] == int((of != there).sum())
    # An original that stayed is the one that is shown, wherever it stands.
    inside = made.inside.truth.factors["copy of"][made.kept]
    stayed = torch.isin(inside, made.kept)
    assert torch.equal(made.kept[of][stayed], inside[stayed])


def test_copies_change_how_many_a_class_has():
    made = planted_duplicates(long_tail(digits(), 20), 0.5)
    assert torch.equal(made.truth.factors["class size"], counts(made)[made.labels])
    there = counts(made)
    assert made.truth.knobs["realised"] == int(there.max()) / int(there.min())
