"""MoCHi: MoCo to the last bit without mixes; with them, what the queue's hardest are mixed into."""

from __future__ import annotations

import pytest
import torch

import vergence as vg
from tests.methods.small import METHODS, differing, mochi, start, state, tiny
from vergence.losses import InfoNCE
from vergence.methods.mochi import Mixed
from vergence.methods.pairs import hard_mixes
from vergence.methods.pairs import mochi as by_hand


def rows(n: int, seed: int, dim: int = 6) -> torch.Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_without_mixes_it_is_moco_to_the_last_bit():
    alike = {"encoder": tiny, "dim": 8, "queue": 64}
    moco = start(METHODS.MoCo(**alike)).start(steps=4)
    plain = start(METHODS.MoCHi(n_hard=16, n_mix=0, n_query_mix=0, **alike)).start(steps=4)
    assert differing(state(moco), state(plain)) == []
    assert moco.history.scalar("loss").values.tolist() == plain.history.scalar("loss").values.tolist()
    assert moco.history.last("loss/chance") == plain.history.last("loss/chance")
    mixed = start(METHODS.MoCHi(n_hard=16, n_mix=1, n_query_mix=0, **alike)).start(steps=4)
    assert differing(state(moco), state(mixed))


def test_the_mixes_of_a_step_lie_on_the_sphere_and_are_each_querys_own():
    trainer = start(mochi(encoder=tiny, dim=8))._session.trainer
    for _ in range(3):
        waiting = trainer.learner.queue().clone()
        taken = trainer.step()
        mixes = taken.more["mixes"]
        assert mixes.shape == (32, 12, 8)
        assert not mixes.requires_grad
        torch.testing.assert_close(mixes.norm(dim=2), torch.ones(32, 12))
        query, key = (view.detach() for view in taken.given)
        # Whatever was drawn, a mix of two of the 16 nearest is not easier than the easier of the two.
        near = torch.nn.functional.normalize(query)
        cosines = (near @ waiting.T).topk(16, dim=1).values
        positive = cosines[:, -1:] > 0
        assert ((mixes @ near[:, :, None])[:, :, 0] >= torch.where(positive, cosines[:, -1:], -1.0) - 1e-5).all()
        expected = by_hand(query, key, waiting, mixes, temperature=0.2)
        torch.testing.assert_close(taken.loss, expected)


def test_the_loss_is_that_of_the_paper_and_its_parts_are_its_sum():
    query, key, queue = rows(5, 0), rows(5, 1), rows(40, 2)
    mixes = hard_mixes(query, queue, n_hard=8, n_mix=6, n_query_mix=3).rows
    loss = Mixed(0.3, queue=40)
    terms = loss.terms(query, key, negatives=queue, mixes=mixes)
    assert float(sum(terms.values())) == pytest.approx(float(by_hand(query, key, queue, mixes, temperature=0.3)))
    assert loss.chance(5, 6) == pytest.approx(torch.tensor(41.0).log().item())
    loss(query, key, negatives=queue, mixes=mixes)
    assert loss.chance(5, 6) == pytest.approx(torch.tensor(50.0).log().item())
    one = torch.ones(5, 6)
    alike = loss(one, one, negatives=torch.ones(40, 6), mixes=torch.ones(5, 9, 6))
    assert float(alike) == pytest.approx(loss.chance(5, 6), abs=1e-6)
    assert loss.reference_words(5, 6)["chance"] == "ln 50"


def test_the_pair_weights_are_the_slopes_of_the_cosines():
    query, key, queue = (torch.nn.functional.normalize(rows(n, n)) for n in (4, 5, 30))
    key = key[:4]
    mixes = hard_mixes(query, queue, n_hard=8, n_mix=6, n_query_mix=3).rows
    loss = Mixed(0.3, queue=30)
    found = loss.pair_weights(query, key, negatives=queue, mixes=mixes)
    assert found.shape == (8, 38)
    own = (query * key).sum(1).clone().requires_grad_()
    among = (query @ queue.T).requires_grad_()
    with_mixes = (mixes @ query[:, :, None])[:, :, 0]
    logits = torch.cat([own[:, None], among, with_mixes], 1) / 0.3
    (logits.logsumexp(1) - logits[:, 0]).mean().backward()
    torch.testing.assert_close(found[:4, 8:], among.grad)
    torch.testing.assert_close(found[:4, 4:8].diagonal(), own.grad)
    assert float(found[4:].abs().sum()) == 0
    plain = InfoNCE(0.3, queue=30).pair_weights(query, key, negatives=queue)
    torch.testing.assert_close(loss.pair_weights(query, key, negatives=queue), plain)


def test_how_much_is_mixed_is_set_while_it_trains_in_whole_numbers():
    run = start(mochi(encoder=tiny, dim=8))
    described = {entry["name"]: entry for entry in run.history.static["controls"]}
    assert [described[name]["label"] for name in ("n_hard", "n_mix", "n_query_mix")] == [
        "Hardest negatives", "Mixes of two", "Mixes with the query",
    ]  # fmt: skip
    assert all(described[name]["whole"] for name in ("n_hard", "n_mix", "n_query_mix"))
    assert described["n_hard"]["low"] == 2
    run.set(n_mix=20, n_query_mix=0).start(steps=2)
    assert run._session.trainer.step().more["mixes"].shape[1] == 20
    run.set(n_mix=0).start(steps=1)
    assert "mixes" not in run._session.trainer.step().more
    run.set(n_hard=65).set(n_query_mix=1.5).start(steps=1)
    refused = [event.data["why"] for event in run.history.events("control") if event.data["state"] == "refused"]
    assert len(refused) == 2
    assert "n_hard is 65 but the queue holds 64 keys. Use n_hard=64 or less" in refused[0]
    assert "n_query_mix is 1.5. It must be a whole number, 0 or above" in refused[1]
    assert run.controls.value("n_hard") == 16


def test_the_default_random_numbers_stay_where_they_are():
    before = torch.get_rng_state()
    start(mochi(encoder=tiny, dim=8)).start(steps=2)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n_hard": 1}, "MoCHi: n_hard is 1. It must be a whole number, 2 or above"),
        ({"n_hard": 100, "queue": 64}, "n_hard is 100 but the queue holds 64 keys"),
        ({"n_mix": -1}, "MoCHi: n_mix is -1"),
        ({"n_query_mix": -2}, "MoCHi: n_query_mix is -2"),
    ],
)
def test_impossible_arguments_are_refused(given, words):
    with pytest.raises(vg.errors.ArgumentError, match=words):
        METHODS.MoCHi(**given)


def test_mixes_that_do_not_fit_are_refused_in_words():
    loss, query, queue = Mixed(0.2), rows(4, 0), rows(9, 1)
    with pytest.raises(vg.errors.ShapeError, match=r"mixes is \(3, 2, 6\) beside queries of \(4, 6\)"):
        loss(query, query, negatives=queue, mixes=torch.ones(3, 2, 6))
    with pytest.raises(vg.errors.ShapeError, match="mixes="):
        loss(query, query, mixes=torch.ones(4, 2, 6))
