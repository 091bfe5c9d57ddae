"""What all data that is made here has in common: one seed, one set; factors with a probe each; held-out items."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import vergence as vg
from tests.data.wrapping import generator
from vergence import errors
from vergence.data import (
    FactorViews,
    Source,
    latent_factors,
    rand_bits,
    signal_noise,
    source,
    subclasses,
    tri_feature,
    two_towers,
    two_towers_words,
)
from vergence.data.known import check_amount

MADE = {
    "latent_factors": lambda **more: latent_factors(**{"n": 200, **more}),
    "signal_noise": lambda **more: signal_noise(**{"n": 200, **more}),
    "subclasses": lambda **more: subclasses(**{"n": 200, **more}),
    "tri_feature": lambda **more: tri_feature(**{"n": 200, **more}),
    "two_towers": lambda **more: two_towers(**{"n": 200, **more}),
    "two_towers_words": lambda **more: two_towers_words(**{"n": 200, **more}),
}


@pytest.fixture(scope="module", params=MADE)
def made(request):
    return MADE[request.param]()


def test_it_is_a_source(made):
    assert isinstance(made, Source)
    assert source(made) is made
    assert len(made) == 200
    a, b = made.pair(torch.arange(200), generator())
    assert a.shape == (200, *made.item_shape)
    assert a.dtype == b.dtype == torch.float32
    assert bool(torch.isfinite(a).all())
    assert repr(made).startswith(f"{made.name}: 200 ")


@pytest.mark.parametrize("name", MADE)
def test_the_seed_decides(name):
    one, same, other = (MADE[name](seed=seed) for seed in (3, 3, 4))
    index = torch.arange(200)
    for x, y, z in zip(*(part.pair(index, generator()) for part in (one, same, other)), strict=True):
        assert torch.equal(x, y)
        assert not torch.equal(x, z)
    assert torch.equal(one.reference(50)[0], same.reference(50)[0])
    assert not torch.equal(one.reference(50)[0], other.reference(50)[0])


@pytest.mark.parametrize("name", MADE)
def test_making_it_leaves_the_numbers_of_others_alone(name):
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    MADE[name]()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_factor_has_one_value_for_each_sample(made):
    truth = made.truth
    assert truth.factors
    for name, values in truth.factors.items():
        assert values.shape == (200,), name
        assert name in {*truth.shared, *truth.nuisance}
    assert not {*truth.shared} & {*truth.nuisance}
    assert set(truth.names) <= set(truth.factors)


def test_the_reference_set_has_every_factor_and_is_held_out(made):
    items, labels = made.reference(64)
    about = made.about_reference(64)
    assert len(items) == 64
    seen = made.pair(torch.arange(200), generator())[0]
    assert not bool((items.flatten(1)[:, None] == seen.flatten(1)[None]).all(2).any()), "none is trained on"
    factors = dict(about["factors"])
    if labels is not None:
        factors[about["label"]] = labels
        assert torch.equal(made.labels, made.truth.factors[about["label"]])
        assert tuple(made.label_names) == made.truth.names[about["label"]]
    assert set(factors) <= set(made.truth.factors)
    assert {name for name in made.truth.factors if "other" not in name} == set(factors)
    for name, values in factors.items():
        assert values.shape == (64,)
        assert values.is_floating_point() == made.truth.factors[name].is_floating_point()
    for name, names in about["factor_names"].items():
        assert int(factors[name].max()) < len(names)
    with pytest.raises(errors.ArgumentError, match="n is 0"):
        made.reference(0)


def test_there_are_pictures_of_the_reference_set(made):
    pictures = made.thumbnails(20)
    assert pictures.shape[0] == 20
    assert pictures.dtype == np.uint8
    assert pictures.std() > 0


def test_every_factor_has_a_probe_in_a_run(made):
    method = (vg.methods.CLIP if hasattr(made, "second_shape") else vg.methods.SimCLR)(dim=8)
    run = vg.Run(method, made, batch=32, driver="inline", save=False, reference=200)
    run.start(steps=2)
    read = set(run.history.scalar_keys())
    for name in made.about_reference(200)["factors"]:
        assert any(key.startswith("probes/") and f"/{name}/" in key for key in read), (name, sorted(read))


@pytest.mark.parametrize("name", MADE)
def test_numbers_that_cannot_be_are_refused(name):
    with pytest.raises(errors.ArgumentError, match=rf"{name}: n is 0\.|n is 0"):
        MADE[name](n=0)
    with pytest.raises(errors.ArgumentError, match=r"seed is -1\. It must be a whole number, 0 or above"):
        MADE[name](seed=-1)


def test_its_views_are_taken_where_none_are_given():
    made = latent_factors(200)
    assert isinstance(vg.methods.SimCLR().views_on(made), FactorViews)
    assert vg.methods.SimCLR().views_on(made) is not made.views, "a run moves the strength of its own"
    assert isinstance(vg.methods.SimCLR(views=vg.views.Vectors()).views_on(made), vg.views.Vectors)
    assert isinstance(vg.methods.SimCLR().views_on(rand_bits(made)), FactorViews)
    assert isinstance(vg.methods.CLIP().views_on(two_towers(n=64)), FactorViews)
    assert isinstance(vg.methods.CLIP(views=vg.views.Vectors()).views_on(two_towers(n=64)), vg.views.Vectors)
    assert isinstance(vg.methods.SimCLR().views_on(tri_feature(n=20)), vg.views.Images)


def test_views_redraw_add_and_keep():
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator(1)))[0]
    views = FactorViews(redraw=(turn[:2], 3.0), noise=(turn[2:4], 0.5))
    x = torch.randn(20_000, 6, generator=generator(2)) @ torch.diag(torch.tensor([3.0, 3, 1, 1, 1, 1])) @ turn
    before = x.clone()
    view = views(x, generator(3))
    assert torch.equal(x, before)
    old, new = x @ turn.T, view @ turn.T
    assert torch.allclose(old[:, 4:], new[:, 4:], atol=1e-5)
    both = torch.corrcoef(torch.cat([old, new], dim=1).T)
    assert float(both[0, 6].abs()) < 0.03, "nothing is left of what is drawn anew"
    assert float(new[:, 0].std()) == pytest.approx(3, rel=0.03)
    assert float((new - old)[:, 2].std()) == pytest.approx(0.5, rel=0.03)
    views.strength = 0.6
    half = views(x, generator(3)) @ turn.T
    assert float(torch.corrcoef(torch.stack([old[:, 0], half[:, 0]]))[0, 1]) == pytest.approx(0.8, abs=0.02)
    assert float(half[:, 0].std()) == pytest.approx(3, rel=0.03)
    views.strength = 0
    assert torch.equal(views(x, generator(3)), x)
    assert torch.equal(FactorViews()(x, generator()), x)


def test_views_refuse_what_they_do_not_know():
    views = latent_factors(64).views
    with pytest.raises(errors.ShapeError, match=r"x is \(4, 8\)\. These views know the directions of rows of 32 alone"):
        views(torch.zeros(4, 8), generator())
    with pytest.raises(errors.ArgumentError, match=r"strength is 1\.5\. It is a number, from 0 to 1"):
        views.strength = 1.5


def test_numbers_of_numpy_are_amounts():
    assert check_amount("made", "noise", np.float32(0.5), "any") == check_amount("made", "noise", 0.5, "any")
    assert check_amount("made", "noise", np.int64(2), "any") == 2


@pytest.mark.parametrize("name", MADE)
def test_a_seed_that_no_generator_takes_is_refused(name):
    with pytest.raises(errors.ArgumentError, match=r"seed is .*At most 4,611,686,018,427,387,904 is possible"):
        MADE[name](seed=2**70)
