"""Random bits: the same in both views, in as many pairs as was asked for, on any source; views leave them alone."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import vergence as vg
from tests.data.wrapping import EVERY, Listed, generator, images, rows
from vergence import errors
from vergence.data import Source, digits, emoji, emoji_words, latent_factors, paired, rand_bits, source
from vergence.views import Identity, Images, Vectors, Words


@pytest.mark.parametrize("kind", EVERY)
def test_a_bit_is_the_same_in_both_views_of_a_sample(kind):
    made = rand_bits(EVERY[kind](), bits=6)
    inside = made.inside
    assert isinstance(made, Source)
    assert source(made) is made
    assert made.item_shape == (inside.item_shape[0] + 6, *inside.item_shape[1:])
    assert made.untouched == 6
    index = torch.arange(40)
    a, b = made.pair(index, generator())
    assert a.shape == (40, *made.item_shape)
    assert b.shape == (40, *made.second_shape)
    bits = made.bits_of(a)
    assert set(bits.unique().tolist()) == {0, 1}
    last = b[:, -6:].flatten(2)[..., 0] if b.ndim > 2 else b[:, -6:]
    assert torch.equal((last > 0).long(), bits)
    assert a[:, -6:].unique().tolist() == [0.0, pytest.approx(made.amplitude)]


@pytest.mark.parametrize("kind", EVERY)
def test_everything_else_is_that_of_the_source(kind):
    made = rand_bits(EVERY[kind](), bits=3)
    inside = made.inside
    index = torch.tensor([5, 0, 33])
    a, b = made.pair(index, generator())
    drawn = generator()
    torch.randint(2**62, (), generator=drawn)  # what decides the bits comes first
    first, second = inside.pair(index, drawn)
    assert torch.equal(a[:, :-3], first)
    assert torch.equal(b[:, :-3], second)
    assert (len(made), made.positives, made.kinds_of_positives) == (
        len(inside), inside.positives, inside.kinds_of_positives,
    )  # fmt: skip
    assert made.label_names == inside.label_names
    assert torch.equal(made.label_of(index), inside.label_of(index))
    groups = getattr(inside, "positives_of", lambda _: None)(index)
    assert (made.positives_of(index) is None) if groups is None else torch.equal(made.positives_of(index), groups)
    items, labels = made.reference(20)
    kept, its = inside.reference(20)
    assert torch.equal(items[:, :-3], kept)
    assert labels is None if its is None else torch.equal(labels, its)
    pictures = inside.thumbnails(20)
    assert made.thumbnails(20) is None if pictures is None else (made.thumbnails(20) == pictures).all()


@settings(max_examples=25)
@given(bits=st.integers(0, 20), shared=st.floats(0, 1), flipped=st.floats(0, 0.5), seed=st.integers(0, 2**40))
def test_shares_are_what_was_asked_for(bits, shared, flipped, seed):
    made = rand_bits(rows(), bits=bits, shared=shared, flipped=flipped)
    a, b = made.pair(torch.arange(60).repeat(20), generator(seed))
    assert made.item_shape == (5 + bits,)
    assert torch.equal(a[:, :5], b[:, :5])
    if bits == 0:
        return
    one, other = made.bits_of(a), made.bits_of(b)
    n = one.numel()
    assert abs(float(one.float().mean()) - 0.5) < 5 * 0.5 / n**0.5
    # Shared, a bit differs where it was turned over; drawn apart, in half of the cases.
    wanted = shared * flipped + (1 - shared) * 0.5
    assert abs(float((one != other).float().mean()) - wanted) < 5 * 0.5 / 1200**0.5


def test_bits_are_fair_independent_and_drawn_again():
    made = rand_bits(rows(4096), bits=4)
    index = torch.arange(4096)
    draw = generator()
    once, again = (made.bits_of(made.pair(index, draw)[0]) for _ in range(2))
    both = torch.cat([once, again], dim=1).double()
    correlation = torch.corrcoef(both.T)
    assert (correlation - torch.eye(8)).abs().max() < 5 / 4096**0.5
    assert (both.mean(0) - 0.5).abs().max() < 5 * 0.5 / 4096**0.5


def test_half_of_the_pairs_share():
    a, b = (rand_bits(rows(4000), bits=16, shared=0.5).bits_of(x) for x in _pair(shared=0.5))
    same = (a == b).all(1).float().mean()
    assert abs(float(same) - 0.5) < 5 * 0.5 / 4000**0.5
    a, b = (rand_bits(rows(4000), bits=16, shared=False).bits_of(x) for x in _pair(shared=False))
    assert not (a == b).all(1).any()


def _pair(**more):
    return rand_bits(rows(4000), bits=16, **more).pair(torch.arange(4000), generator())


def test_the_source_draws_the_same_whatever_the_bits():
    def drawn(**more):
        made, draw = rand_bits(emoji(), **more), generator(3)
        seen = [made.pair(torch.arange(20), draw)[0][:, :3] for _ in range(3)]
        return torch.cat(seen)

    assert torch.equal(drawn(bits=0), drawn(bits=8))
    assert torch.equal(drawn(bits=0), drawn(bits=2, shared=0.5, flipped=0.1))


def test_no_bits_change_nothing():
    made = rand_bits(digits(), bits=0)
    assert (made.item_shape, made.untouched, made.truth.drawn) == ((1, 8, 8), 0, ())
    assert torch.equal(made.reference(9)[0], digits().reference(9)[0])
    assert "bit 0" not in made.about_reference(9)["factors"]


def test_every_bit_is_a_factor_of_the_reference_set():
    made = rand_bits(emoji(), bits=4)
    items, _ = made.reference(500)
    about = made.about_reference(500)
    assert list(about["factors"]) == ["artist", "bit 0", "bit 1", "bit 2", "bit 3"]
    assert about["label"] == "group"
    assert about["factor_names"]["bit 2"] == ("0", "1")
    bits = made.bits_of(items)
    for number in range(4):
        assert torch.equal(about["factors"][f"bit {number}"], bits[:, number])
        assert 0.4 < float(bits[:, number].float().mean()) < 0.6
    assert torch.equal(made.reference(500)[0], items), "they stay the same"
    assert torch.equal(rand_bits(emoji(), bits=4).reference(500)[0], items)


def test_bits_around_bits_go_on_counting():
    made = rand_bits(rand_bits(latent_factors(64), bits=2), bits=3)
    assert made.untouched == 5
    assert made.truth.drawn == ("bit 0", "bit 1", "bit 2", "bit 3", "bit 4")
    factors = made.about_reference(100)["factors"]
    assert {"subclass", *made.truth.drawn} <= set(factors)
    items = made.reference(100)[0]
    for number in range(5):
        assert torch.equal((items[:, 32 + number] > 0).long(), factors[f"bit {number}"])
    assert not torch.equal(factors["bit 0"], factors["bit 2"])
    assert {"class", "subclass", "bit 0", "bit 4"} <= set(made.truth.shared)


def test_the_truth_says_what_is_shared():
    truth = rand_bits(rows(), bits=2).truth
    assert truth.knobs == {"bits": 2, "shared": 1.0, "flipped": 0.0, "amplitude": pytest.approx(2, rel=0.3)}
    assert (truth.shared, truth.nuisance, truth.drawn) == (("bit 0", "bit 1"), (), ("bit 0", "bit 1"))
    for noise in ({"shared": False}, {"flipped": 0.5}):
        truth = rand_bits(rows(), bits=2, **noise).truth
        assert (truth.shared, truth.nuisance) == ((), ("bit 0", "bit 1"))
    with pytest.raises(TypeError):
        truth.knobs["bits"] = 3
    with pytest.raises(AttributeError):
        truth.shared = ()


def test_a_bit_can_be_seen():
    assert rand_bits(images(), bits=2).amplitude == 1
    assert rand_bits(rows() * 100, bits=2).amplitude == pytest.approx(200, rel=0.3)
    assert rand_bits(torch.ones(9, 4), bits=2).amplitude == 1
    assert rand_bits(rows(), bits=2, amplitude=0.5).amplitude == 0.5
    entries = rand_bits(rows(4000) * 100, bits=2).pair(torch.arange(4000), generator())[0]
    spread = entries.std(0)
    assert (spread[5:] / spread[:5].mean()).sub(1).abs().max() < 0.3


def test_pictures_keep_their_layout_in_memory():
    a, b = rand_bits(emoji(), bits=2).pair(torch.arange(5), generator())
    assert a.is_contiguous(memory_format=torch.channels_last)
    assert b.is_contiguous(memory_format=torch.channels_last)


def test_one_tensor_stays_one():
    a, b = rand_bits(digits(), bits=3).pair(torch.arange(5), generator())
    assert a is b


def test_choosing_positives_leaves_your_source_alone():
    yours = emoji()
    made = rand_bits(yours, bits=2)
    other = copy.copy(made)
    other.positives = "same image"
    assert (yours.positives, made.positives, other.positives) == ("other artist", "other artist", "same image")
    with pytest.raises(errors.UnknownName, match="same image"):
        made.set_positives("same imag")


def test_words_have_bits_too():
    made = rand_bits(emoji_words(width=64), bits=5)
    assert (made.second_shape, made.words) == ((69,), True)
    assert made.seconds.shape == (len(made), 69)
    assert not made.seconds[:, 64:].any()
    assert torch.equal(made.seconds[:, :64], made.inside.seconds)


def test_seconds_of_one_kind_are_absent():
    with pytest.raises(AttributeError):
        rand_bits(rows()).seconds  # noqa: B018 - the access is what is tested


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"bits": -1}, r"bits is -1\. It must be a whole number, 0 or above"),
        ({"bits": 2.5}, r"bits is 2\.5"),
        ({"bits": True}, "bits is True"),
        ({"bits": 65}, r"bits is 65\. At most 64"),
        ({"shared": 1.5}, r"shared is 1\.5\. It goes from 0 to 1 \(True: all pairs"),
        ({"shared": "half"}, "shared is 'half'"),
        ({"shared": float("nan")}, "shared is nan"),
        ({"flipped": 0.6}, r"flipped is 0\.6\. It goes from 0 to 0\.5"),
        ({"amplitude": 0}, r"amplitude is 0\. A bit is 0 or this number"),
        ({"amplitude": float("inf")}, "amplitude is inf"),
    ],
)
def test_numbers_outside_their_range_are_refused(more, words):
    with pytest.raises(errors.ArgumentError, match=words):
        rand_bits(rows(), **more)


def test_what_is_no_data_is_refused_as_by_source():
    with pytest.raises(errors.ArgumentError, match="source: x is a str"):
        rand_bits("digits")
    with pytest.raises(errors.ArgumentError, match="index goes from 0 to 99, but there are 60 samples"):
        rand_bits(rows()).pair(torch.tensor([0, 99]), generator())


class Yours:
    """Views of somebody's own, for 8 x 8 digits in one channel, that draw from torch's own numbers."""

    strength = 1.0

    def __call__(self, x, generator):
        assert x.shape[1:] == (1, 8, 8)
        return x + torch.randn(x.shape)


def _seen(data, views, **more):
    """The views of one step of a run."""
    method = vg.methods.SimCLR(views=views, **more) if not data.words else vg.methods.CLIP(views=views)
    trainer = vg.Run(method, data, batch=32, save=False, reference=0)._session.trainer
    return trainer.step().inputs


@pytest.mark.parametrize(
    ("data", "views"),
    [
        (lambda: rand_bits(digits(), bits=4), None),
        (lambda: rand_bits(digits(), bits=4), Images(1.0, noise=1, erase=1, rotate=1)),
        (lambda: rand_bits(emoji(), bits=4), Images(1.0)),
        (lambda: rand_bits(rows(), bits=4), Vectors(1.0)),
        (lambda: rand_bits(Listed(), bits=4), None),
        (lambda: rand_bits(emoji_words(), bits=4), Images(1.0)),
        (lambda: rand_bits(latent_factors(64), bits=4), None),
        (lambda: rand_bits(rand_bits(rows(), bits=3), bits=1), Vectors(1.0)),
        (lambda: rand_bits(digits(), bits=4), Identity()),
        (lambda: rand_bits(digits(), bits=4), Yours()),
    ],
)
def test_views_of_a_run_leave_the_bits_alone(data, views):
    made = data()
    a, b = _seen(made, views)
    one, other = (made.bits_of(x) if x.shape[1:] == made.item_shape else (x[:, -4:] > 0).long() for x in (a, b))
    assert torch.equal(one, other)
    assert 0.2 < float(one.float().mean()) < 0.8
    for x in (a, b):
        assert set(x[:, -4:].unique().tolist()) <= {0.0, *x[:, -4:].amax((0, *range(2, x.ndim))).tolist()}
    if not isinstance(views, Identity) and a.shape == b.shape:
        assert not torch.equal(a[:, :-4], b[:, :-4])


def test_words_of_a_trained_encoder_mean_the_same_beside_bits():
    run = vg.Run(vg.methods.CLIP(), rand_bits(emoji_words(), bits=4), batch=32, save=False, reference=0)
    assert run.model.words(["red apple"]).shape == (1, 128)
    plain = vg.Run(vg.methods.CLIP(), emoji_words(), batch=32, save=False, reference=0)
    assert plain.model.beside_words == 0
    seen = []
    hook = run.model.second.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    run.model.words(["red apple"])
    hook.remove()
    assert torch.equal(seen[0], torch.nn.functional.pad(vg.data.hashed_words(["red apple"], 1024), (0, 4)))


def test_the_strength_of_the_views_can_be_moved():
    run = vg.Run(vg.methods.SimCLR(), rand_bits(digits(), bits=4), batch=32, save=False, reference=0)
    run._session.trainer.views.strength = 0.0
    a, b = run._session.trainer.step().inputs
    assert torch.equal(a, b)


def test_a_dataset_that_draws_is_given_the_run_s_own_numbers():
    class Cropped(Listed):
        def __getitem__(self, index):
            return images()[index] + torch.rand(()), 0

    def first(seed):
        torch.manual_seed(seed)
        run = vg.Run(vg.methods.SimCLR(), rand_bits(Cropped(), bits=2), seed=5, batch=16, save=False, reference=0)
        return run._session.trainer.step().inputs[0]

    assert torch.equal(first(0), first(1))


def test_pairs_of_two_kinds():
    made = rand_bits(paired(images(), rows() * 100), bits=3)
    a, b = made.pair(torch.arange(60), generator())
    assert a[:, 3:].amax() == 1
    assert float(b[:, 5:].amax()) == pytest.approx(200, rel=0.3)
    assert made.amplitude == 1


def _knn(bits: int, *, shared: bool | float = True, steps: int = 100) -> float:
    """How well neighbours in z tell the digit after a short training on rows of 64 pixels."""
    every = digits()
    pixels = every.pair(torch.arange(len(every)), generator())[0].flatten(1)
    asked, wanted = digits("held out").reference(359)
    data = rand_bits((pixels, every.labels), bits=bits, shared=shared, amplitude=1.0)
    encoder = torch.nn.Sequential(torch.nn.Linear(64 + bits, 128), torch.nn.BatchNorm1d(128), torch.nn.ReLU())
    method = vg.methods.SimCLR(temperature=0.2, encoder=encoder, dim=32, views=Vectors(0.8), learning_rate=3e-3)
    run = vg.Run(method, data, batch=256, driver="inline", save=False, reference=0, every=1_000_000)
    run.start(steps=steps)
    run.model.eval()
    known = data.pair(torch.arange(len(data)), generator())[0]
    own = torch.randint(2, (359, bits), generator=generator(1)).float()
    with torch.no_grad():
        fit, z = (
            torch.nn.functional.normalize(run.model(x)[1]) for x in (known, torch.cat([asked.flatten(1), own], 1))
        )
    near = (z @ fit.T).topk(10).indices
    votes = torch.nn.functional.one_hot(data.labels[near], 10).sum(1)
    return float((votes.argmax(1) == wanted).float().mean())


def test_eight_bits_kill_the_digit_and_none_do_not():
    assert _knn(0) > 0.85
    assert _knn(8) < 0.5


@pytest.mark.slow
def test_the_digit_falls_with_the_bits_and_comes_back_when_they_are_not_shared():
    by_bits = [_knn(bits, steps=250) for bits in (0, 4, 8)]
    assert by_bits == sorted(by_bits, reverse=True)
    assert by_bits[0] > 0.9
    assert by_bits[-1] < 0.2
    assert _knn(12, steps=250) < 0.2
    assert _knn(12, shared=False, steps=250) > 0.9


@pytest.mark.slow
@pytest.mark.parametrize(("shared", "least", "most"), [(True, 0, 0.2), (0.5, 0, 0.2), (False, 0.9, 1)])
def test_twelve_channels_of_a_picture(shared, least, most):
    """Bits that half of the pairs share are as bad as bits that all do: on the own encoder for pictures."""
    data = rand_bits(digits(), bits=12, shared=shared)
    method = vg.methods.SimCLR(views=Images(0.5, flip=0))
    run = vg.Run(method, data, batch=256, driver="inline", save=False, reference=0, every=1_000_000)
    run.start(steps=350)
    run.model.eval()
    fit = data.pair(torch.arange(len(data)), generator())[0]
    asked, wanted = data.reference(359)
    with torch.no_grad():
        near = torch.nn.functional.normalize(run.model(asked)[1]) @ torch.nn.functional.normalize(run.model(fit)[1]).T
    votes = torch.nn.functional.one_hot(data.labels[near.topk(10).indices], 10).sum(1)
    assert least <= float((votes.argmax(1) == wanted).float().mean()) <= most


def test_words_views_leave_bits_alone():
    made = rand_bits(emoji_words(width=32), bits=4)
    words = vg.views.Spare(Words(1.0), 4)(made.pair(torch.arange(50), generator())[1], generator())
    assert words[:, 32:].any()


def test_bits_around_bits_are_counted_with_them():
    knobs = rand_bits(rand_bits(rows(), bits=3), bits=2, amplitude=2.0).truth.knobs
    assert (knobs["bits"], knobs["bits inside"], knobs["amplitude"]) == (5, 3, 2)
