"""The reference set: what is embedded, at which places, and what a History keeps of it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import vergence as vg
from tests.training.small import recipe, texts, vectors
from vergence import errors
from vergence.training.reference import Reference, at_rest, outputs, pooled


class TwoOutputs(nn.Module):
    """h, and z from it."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Linear(8, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self.body(x)
        return h, self.head(h)


class Tokens(nn.Module):
    """Features over space and over tokens, as conv nets and transformers have them inside."""

    def __init__(self) -> None:
        super().__init__()
        self.space = nn.Conv2d(3, 5, 3)
        self.flat = nn.Flatten(2)

    def forward(self, x: Tensor) -> Tensor:
        return self.flat(self.space(x)).mean(2)


def test_a_model_that_gives_h_and_z_is_seen_at_both_places():
    model, (items, labels) = TwoOutputs(), vectors(20)
    rows = Reference(model, items, labels).embed(7).rows
    assert torch.equal(rows["h"], model.body(items).detach())
    assert torch.equal(rows["z"], model.head(model.body(items)).detach())


def test_a_projector_beside_the_encoder_gives_z():
    encoder, head, (items, _) = nn.Linear(8, 6), nn.Linear(6, 3), vectors(20)
    rows = Reference(encoder, items, projector=head).embed(1).rows
    assert torch.equal(rows["z"], head(encoder(items)).detach())
    assert set(Reference(encoder, items).embed(1).rows) == {"h"}


def test_named_modules_are_pooled_over_space_and_tokens():
    model, items = Tokens(), torch.randn(4, 3, 6, 6)
    rows = Reference(model, items, modules=("space", "flat")).embed(1, chunk=3).rows
    features = model.space(items).detach()
    assert torch.allclose(rows["space"], features.flatten(2).mean(2), atol=1e-6)
    assert torch.allclose(rows["flat"], features.flatten(2).mean(1), atol=1e-6)
    assert not model.space._forward_hooks, "the hooks are gone"


def test_hooks_are_gone_after_an_exception():
    model = Tokens()
    with pytest.raises(RuntimeError):
        Reference(model, torch.randn(4, 9, 6, 6), modules=("space",)).embed(1)
    assert not model.space._forward_hooks
    assert model.training


def test_a_module_that_does_not_exist_is_answered_with_the_nearest():
    with pytest.raises(errors.UnknownName, match="space"):
        Reference(Tokens(), torch.randn(4, 3, 6, 6), modules=("spac",))


def test_at_rest_keeps_every_mode_and_draws_nothing():
    model = nn.Sequential(nn.Dropout(0.5), nn.BatchNorm1d(3))
    model[1].eval()
    before = torch.get_rng_state()
    with at_rest(model, None):
        assert not any(module.training for module in model.modules())
        assert not torch.is_grad_enabled()
        torch.rand(3)
    assert [module.training for module in model.modules()] == [True, True, False]
    assert torch.equal(before, torch.get_rng_state())


def test_outputs_takes_two_matrices_for_h_and_z_and_nothing_else():
    h, z = torch.ones(4, 3), torch.zeros(4, 2)
    assert outputs((h, z))[1] is z
    for odd in ((h,), (h, z, z), (h, None), (h, torch.zeros(5, 2)), (torch.ones(4, 3, 2), z)):
        assert outputs(odd)[1] is None


def test_pooled_is_one_row_per_item():
    assert pooled(torch.ones(4, 3)).shape == (4, 3)
    assert pooled(torch.ones(4, 7, 3)).shape == (4, 3)
    assert pooled(torch.ones(4, 3, 5, 6)).shape == (4, 3)


def test_a_run_looks_once_before_the_first_update_and_names_what_it_looks_at():
    run = vg.Run(
        recipe(), data=vectors(), batch=16, driver="inline", save=False, every=2, reference=20, modules=("projector",)
    )
    untrained = {name: value.clone() for name, value in run.model.state_dict().items()}
    items, _ = run.source.reference(20)
    run.start(steps=4)
    assert texts(run.history, "failed") == []
    assert run.history.scalar("hypersphere/reference/uniformity").steps.tolist() == [0, 1, 2, 4]
    assert run.history.static["reference"]["items"] == 20
    run.model.load_state_dict(untrained)
    h, _ = run.model.eval()(items)
    first = float(vg.metrics.uniformity(vg.geometry.unit(h.detach())))
    assert run.history.scalar("hypersphere/reference/uniformity").at(0) == pytest.approx(first, abs=1e-5)


def test_a_monitor_looks_before_the_first_update_too():
    encoder, (items, labels) = nn.Linear(8, 4), vectors(20)
    monitor = vg.Monitor(encoder, reference=(items, labels), save=False, every=5)
    for _ in range(6):
        z1, z2 = encoder(items), encoder(items + 0.1)
        monitor.step(z1, z2)
    assert monitor.history.scalar("hypersphere/reference/uniformity").steps.tolist() == [0, 1, 5]
    monitor.close()


def test_what_is_known_about_the_items_is_kept():
    items, labels = vectors(6)
    factor = torch.tensor([0, 1, 0, 1, 0, 1])
    monitor = vg.Monitor(
        nn.Linear(8, 4), reference=(items, {"kind": labels, "tone": factor}), names=[f"item {i}" for i in range(6)],
        groups=torch.tensor([0, 0, 1, 1, 2, 2]), save=False,
    )  # fmt: skip
    history = monitor.history
    assert history.static["reference"]["label"] == "kind"
    assert history.static["reference"]["names"][5] == "item 5"
    assert np.array_equal(history.arrays["reference/factor/tone"], factor.numpy())
    assert history.arrays["reference/groups"].tolist() == [0, 0, 1, 1, 2, 2]
    monitor.close()


@pytest.mark.parametrize("what", ["names", "groups"])
def test_too_few_names_or_groups_are_refused(what):
    items, _ = vectors(6)
    given = {"names": ["a", "b"], "groups": torch.tensor([0, 1])}[what]
    with pytest.raises(errors.ShapeError, match=f"2 {what} for 6 items"):
        vg.Monitor(nn.Linear(8, 4), reference=items, save=False, **{what: given})


def test_inputs_that_are_no_tensors_are_a_mark():
    monitor = vg.Monitor(save=False, every=1)
    z = torch.randn(8, 4)
    monitor.step(z, z + 0.1, inputs="x1, x2")
    assert any("inputs is a str" in text for text in texts(monitor.history, "mark"))
    monitor.close()


def test_emoji_say_which_drawings_show_the_same_emoji():
    emoji = vg.data.emoji()
    about = emoji.about_reference(512)
    items, labels = emoji.reference(512)
    groups, artists = about["groups"], about["factors"]["artist"]
    assert len(items) == len(labels) == len(groups) == len(about["names"]) == 512
    assert torch.equal(groups[:256], groups[256:]), "row i and row i + n/2 are the same emoji"
    assert set(artists.tolist()) == {0, 1}
    assert about["names"][0] == about["names"][256]
