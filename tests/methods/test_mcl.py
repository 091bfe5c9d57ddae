"""Multistage contrast: stages begin and end, what is over stays, and the suppressed feature is learned."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import affine_grid, grid_sample, normalize

import vergence as vg
from vergence import errors
from vergence.methods import MCL, Batch, pairs


def small(steps=6, **more):
    more = {"stages": 3, "stage_steps": 2, "clusters": 4, "dim": 5} | more
    x = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    run = vg.Run(MCL(**more), x, batch=20, save=False, driver="inline", reference=0)
    return run.start(steps=steps) if steps else run


def test_stages_follow_one_another_and_the_last_one_goes_on():
    run = small(steps=0)
    expected = {1: 0, 2: 0, 3: 1, 4: 1, 5: 2, 6: 2, 7: 2, 9: 2}
    for step in range(1, 10):
        run.start(steps=1)
        if step in expected:
            assert run.model.stage == expected[step]
    assert [found.found for found in run.model.found] == [4, 4]


def test_what_is_over_stays_and_what_comes_waits():
    run = small(steps=3)
    model = run.model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    run.start(steps=1)
    for name, value in model.state_dict().items():
        stage = name.split(".")[1] if name.startswith(("encoders", "projectors")) else None
        if stage in ("0", "2"):
            assert torch.equal(value, before[name]), name  # BatchNorm's statistics too
    model.train()
    assert [encoder.training for encoder in model.encoders] == [False, True, True]
    moved = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
    assert any(name.startswith("encoders.1") for name in moved)


def test_h_holds_all_stages_side_by_side():
    x = torch.randn(6, 7, generator=torch.Generator().manual_seed(1))
    run = small(steps=2)
    h, z = run.model.eval()(x)
    width = h.shape[1] // 3
    assert z.shape == (6, 5)
    assert h[:, width:].abs().sum() == 0  # not begun
    first = run.model.encoders[0](x)
    assert torch.equal(h[:, :width], first)
    run.start(steps=4)
    h, z = run.model.eval()(x)
    assert torch.equal(h, torch.cat([encoder(x) for encoder in run.model.encoders], 1))
    assert torch.equal(z, run.model.projectors[2](run.model.encoders[2](x)))


def test_clusters_of_all_stages_count_together():
    run = small(steps=5)
    first, second = run.model.found
    together = first.ids * 10 + second.ids
    assert pairs.mutual_information(run.model.groups, together) == pytest.approx(1)
    assert run.model.groups.max() < len(together.unique())


def test_negatives_share_the_clusters():
    run = small(steps=3)
    index = torch.tensor([5, 0, 31])
    views = (torch.randn(3, 7), torch.randn(3, 7))
    outputs = run.model.embed(views, Batch(index, None, None, 4))
    assert torch.equal(outputs.more["groups"], run.model.groups[index])
    assert len(run.model.groups.unique()) == 4
    before = small(steps=1).model.embed(views, Batch(index, None, None, 2))
    assert before.more["groups"].tolist() == [0, 0, 0]


def test_it_is_watched_across_stages_without_a_word():
    data = vg.data.digits()
    run = vg.Run(MCL(stage_steps=3, clusters=8), data, batch=64, save=False, driver="inline", reference=32, every=1)
    run.start(steps=6)
    assert [event.data for event in run.history.events() if event.kind in ("failed", "mark")] == []


def test_the_first_stage_is_simclr():
    method = {"temperature": 0.3, "dim": 5}
    x = torch.randn(40, 7, generator=torch.Generator().manual_seed(0))
    given = {"batch": 20, "save": False, "driver": "inline", "reference": 0}
    one = vg.Run(MCL(stages=1, **method), x, **given).start(steps=4)
    other = vg.Run(vg.methods.SimCLR(**method), x, **given).start(steps=4)
    assert torch.allclose(one.model(x)[1], other.model(x)[1], atol=1e-5)


def test_the_same_seed_gives_the_same_run_and_a_reset_begins_again():
    first, second = small(), small()
    assert torch.equal(first.model.groups, second.model.groups)
    weights = first.model.encoders[2].layers[0].weight.detach().clone()
    assert torch.equal(weights, second.model.encoders[2].layers[0].weight)
    second.reset()
    assert second.model.stage == 0
    second.start(steps=6)
    assert torch.equal(weights, second.model.encoders[2].layers[0].weight)


def test_impossible_settings_are_refused():
    with pytest.raises(errors.ArgumentError, match="stages is 0"):
        MCL(stages=0)
    with pytest.raises(errors.UnknownName, match="Did you mean 'stage_steps'"):
        MCL(stage_step=4)


class Pictures:
    """Views of the 64 pixels alone: what comes behind them is the same in both, an easy way to tell items apart."""

    strength = 1.0

    def __call__(self, x, generator):
        n = len(x)
        u = torch.rand(n, 6, generator=generator)
        angle, size = 0.5 * (u[:, 0] - 0.5), 1 + 0.3 * (u[:, 1] - 0.5)
        cos, sin, shift = size * angle.cos(), size * angle.sin(), 0.4 * (u[:, 2:4] - 0.5)
        turn = torch.stack([torch.stack([cos, -sin, shift[:, 0]], 1), torch.stack([sin, cos, shift[:, 1]], 1)], 1)
        grid = affine_grid(turn, [n, 1, 8, 8], align_corners=False)
        seen = grid_sample(x[:, :64].view(n, 1, 8, 8), grid, align_corners=False)
        seen = seen + 0.05 * torch.randn(seen.shape, generator=generator)
        corner, place = (7 * u[:, 4:]).long(), torch.arange(8)
        inside = (place >= corner[..., None]) & (place < corner[..., None] + 2)
        seen = seen.masked_fill((inside[:, 0, :, None] & inside[:, 1, None, :])[:, None], 0)
        return torch.cat([seen.flatten(1), x[:, 64:]], 1)


def digits_with_bits(split, seed, bits=6):
    source = vg.data.digits(split)
    x = source.pair(torch.arange(len(source)), torch.Generator())[0].flatten(1)
    drawn = torch.randint(2, (len(x), bits), generator=torch.Generator().manual_seed(seed))
    return torch.cat([x, 3.0 * drawn - 1.5], 1), source.labels, (drawn * 2 ** torch.arange(bits)).sum(1)


def nearest(rows, labels, others, asked):
    """The share of `others` whose ten nearest rows, weighted by exp(cosine / 0.1), vote for their label."""
    weight, index = (normalize(others) @ normalize(rows).T).topk(10, 1)
    votes = torch.zeros(len(others), 10).scatter_add_(1, labels[index], (weight / 0.1).exp())
    return float((votes.argmax(1) == asked).float().mean())


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_second_stage_learns_what_the_first_one_suppressed(seed):
    """Six random bits beside each digit make the first stage forget the digit: the second finds it.

    Measured over four seeds: nearest neighbours name the digit for 0.40 to 0.48 by the first stage, 0.79 to 0.84 by the
    second alone, 0.65 to 0.71 by both; 0.46 to 0.49 by two ordinary runs side by side. The clusters and the bits share
    0.87 to 0.90 of their information, which tells beforehand that it will work.
    """
    x, y, bits = digits_with_bits("train", seed + 100)
    held, asked, _ = digits_with_bits("held out", seed + 200)

    def trained(stages, seed):
        method = MCL(
            stages=stages, stage_steps=200, clusters=32, views=Pictures(),
            encoder=lambda: vg.models.MLPEncoder(70, hidden=256, dim=64),
            projector=lambda: vg.models.Projector(64, hidden=128, out_dim=32),
        )  # fmt: skip
        run = vg.Run(method, x, seed=seed, save=False, driver="inline", reference=0, budget=0.001)
        return run.start(steps=200 * stages).model.eval()

    @torch.no_grad()
    def embedded(model, items):
        heads = zip(model.encoders, model.projectors, strict=True)
        return [normalize(head(encoder(items))) for encoder, head in heads]

    model, again = trained(2, seed), trained(1, seed + 50)
    rows, others = embedded(model, x), embedded(model, held)
    first, second = (nearest(a, y, b, asked) for a, b in zip(rows, others, strict=True))
    both = nearest(torch.cat(rows, 1), y, torch.cat(others, 1), asked)
    ordinary = [rows[0], *embedded(again, x)], [others[0], *embedded(again, held)]
    control = nearest(torch.cat(ordinary[0], 1), y, torch.cat(ordinary[1], 1), asked)
    assert pairs.mutual_information(model.found[0].ids, bits) > 0.8
    assert pairs.mutual_information(model.found[0].ids, y) < 0.1
    assert first < 0.6
    assert second > control + 0.25
    assert both > control + 0.08
