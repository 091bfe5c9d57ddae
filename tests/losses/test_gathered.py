from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, multiprocessing, nn

from tests.losses import two_processes
from tests.losses.case import Case
from tests.losses.two_processes import BATCH, DIM, LOSSES, WORLD
from tests.reference.golden import random_batch
from vergence.errors import ArgumentError, UnknownName
from vergence.losses import BYOL, CLIP, DINO, InfoNCE, Loss, NTXent, SwAV, VICReg
from vergence.losses.gathered import Gathered, accumulation

CASES = [Case(lambda: Gathered(NTXent(0.3)), label="Gathered")]

EVERYTHING = slice(0, WORLD * BATCH)


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with what each process found; one start of both serves all tests."""
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(two_processes.run, args=(str(folder),), nprocs=WORLD)
    return folder


@pytest.fixture(scope="module")
def found(processes: Path) -> list[dict[str, Tensor]]:
    return [load_file(processes / f"{rank}.safetensors") for rank in range(WORLD)]


@pytest.mark.parametrize("name", LOSSES)
def test_two_processes_read_and_learn_what_one_big_batch_does(name: str, found: list[dict[str, Tensor]]) -> None:
    expected = two_processes.gradients(name, EVERYTHING, steps=2)
    if name in ("swav", "clip", "sig_lip"):
        assert any(key.startswith("loss.") for key in expected)
    for rank in range(WORLD):
        for key, value in expected.items():
            torch.testing.assert_close(found[rank][f"{name}.{key}"], value, rtol=1e-6, atol=1e-9)


def test_without_gathering_it_is_another_loss(found: list[dict[str, Tensor]]) -> None:
    expected = two_processes.gradients("nt_xent", EVERYTHING)
    values = [float(own["alone.value"]) for own in found]
    assert sum(values) / WORLD < float(expected["value"]) - 0.1
    assert values[0] != values[1]
    assert not torch.allclose(found[0]["alone.model.0.weight"], expected["model.0.weight"], rtol=1e-2)


def test_terms_pair_weights_and_scale_are_those_of_all_rows(found: list[dict[str, Tensor]]) -> None:
    loss = NTXent(0.2)
    views = two_processes.items(EVERYTHING)
    for own in found:
        torch.testing.assert_close(own["terms"], torch.stack(list(loss.terms(*views).values())))
        torch.testing.assert_close(own["weights"], loss.pair_weights(*views))
        expected = [loss.chance(WORLD * BATCH, DIM), loss.floor(WORLD * BATCH, DIM)]
        assert own["chance"].tolist() == pytest.approx(expected)


def test_a_queue_stays_and_masks_are_gathered(found: list[dict[str, Tensor]]) -> None:
    for own in found:
        assert own["queue"].shape == (BATCH, DIM)
        assert own["masks"].tolist() == [False, False, False, True, True, True] * WORLD
        assert own["masks"].dtype == torch.bool


def test_unequal_batches_are_refused_in_words_on_every_process(processes: Path) -> None:
    for rank in range(WORLD):
        said, variant, words = (processes / f"{rank}.txt").read_text().splitlines()
        assert said == (
            "Gathered: the processes came with different shapes: process 0 (6, 7) (6, 7); process 1 (5, 7) (5, 7). "
            "Each must bring as many rows as the others; use DistributedSampler, and drop_last=True in the DataLoader."
        )
        assert variant.endswith("rows of 2 processes")
        assert words == f"ln {2 * WORLD * BATCH - 1}"


def test_in_one_process_it_is_the_loss() -> None:
    a, b = random_batch(6, 5, seed=0)
    for plain in (NTXent(0.3), VICReg(), CLIP(0.2)):
        loss = Gathered(plain)
        assert isinstance(loss, Loss)
        assert torch.equal(loss(a, b), plain(a, b))
        assert loss.terms(a, b).keys() == plain.terms(a, b).keys()
        assert loss.settings() == plain.settings()
        assert (loss.name, loss.source, loss.views) == (plain.name, plain.source, plain.views)
        assert (loss.needs, loss.takes, loss.couples) == (plain.needs, plain.takes, plain.couples)
        assert loss.chance(6, 5) == plain.chance(6, 5)
        assert loss.floor(6, 5) == plain.floor(6, 5)
        assert loss.reference_words(6, 5) == plain.reference_words(6, 5)
        assert loss.variant == f"{plain.variant}; rows of 1 process"
        assert repr(loss) == f"Gathered({plain!r})"
    weights = Gathered(NTXent(0.3)).pair_weights(a, b)
    assert torch.equal(weights, NTXent(0.3).pair_weights(a, b))
    assert Gathered(VICReg()).pair_weights(a, b) is None


def test_settings_and_parameters_are_those_of_the_loss() -> None:
    inside = SwAV(4, 5)
    loss = Gathered(inside)
    assert [id(parameter) for parameter in loss.parameters()] == [id(inside.prototypes)]
    loss.set("temperature", 0.3)
    assert inside.settings()["temperature"] == 0.3
    assert "epsilon" in loss.ranges
    with pytest.raises(UnknownName, match="temprature"):
        loss.set("temprature", 0.3)
    assert list(Gathered(NTXent()).parameters()) == []
    assert isinstance(Gathered(DINO()), nn.Module)


def test_accumulation_of_pairs_gives_both_numbers() -> None:
    said = accumulation(NTXent(), 1024, 4)
    assert said == (
        "1,024 items in 4 pieces of 256: another loss. In NT-Xent each item is compared with 255 others in place of "
        f"1,023, and telling nothing apart reads {math.log(511):.4g} in place of {math.log(2047):.4g}. The larger "
        "batch takes more memory, or more processes: Gathered."
    )
    assert f"{math.log(8):.4g} in place of {math.log(32):.4g}" in accumulation(InfoNCE(), 32, 4)


def test_accumulation_of_statistics_and_of_means() -> None:
    assert "statistics over the batch, here of 16 rows in place of 64" in accumulation(VICReg(), 64, 4)
    assert "statistics" in accumulation(SwAV(4, 5), 64, 4)
    said = accumulation(BYOL(), 64, 4)
    assert said.startswith("64 items in 4 pieces of 16: the same. BYOL is a mean over items")
    assert accumulation(NTXent(), 64, 1) == "One piece is the whole batch of 64: nothing changes."


@pytest.mark.parametrize("loss", [NTXent(0.2), VICReg(), BYOL(), CLIP(0.2, learned=False)], ids=lambda loss: loss.name)
def test_what_accumulation_says_is_what_happens(loss: Loss) -> None:
    views = random_batch(12, 5, seed=1)
    more = {"targets": views[::-1]} if "targets" in loss.needs else {}

    def gradient(pieces: int) -> Tensor:
        a = views[0].clone().requires_grad_()
        for part in torch.arange(12).chunk(pieces):
            given = {name: tuple(z[part] for z in entry) for name, entry in more.items()}
            (loss(a[part], views[1][part], **given) / pieces).backward()
        return a.grad

    same = torch.allclose(gradient(1), gradient(3), rtol=1e-9, atol=1e-12)
    assert same == ("the same" in accumulation(loss, 12, 3))


def test_pieces_that_do_not_fit_are_refused() -> None:
    with pytest.raises(
        ArgumentError, match=r"batch is 1,000 and pieces is 3. .* equally large; take a divisor of 1,000"
    ):
        accumulation(NTXent(), 1000, 3)
    with pytest.raises(ArgumentError, match="accumulation: pieces is 0"):
        accumulation(NTXent(), 64, 0)
    with pytest.raises(ArgumentError, match=r"Gathered.chance: batch is 0"):
        Gathered(NTXent()).chance(0, 4)
