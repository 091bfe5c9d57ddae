from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from tests.losses.case import Case
from tests.losses.test_dino import of_shapes, several
from tests.reference import targets as slow
from vergence.errors import ArgumentError, DeviceMismatch, ShapeError
from vergence.losses import DINO, IBOT, masked_patches

PATCHES = 6


def with_patches(*views: Tensor) -> dict[str, tuple[Tensor, ...]]:
    """Two views' patches, the same for both; every third is masked, and none of the first item's."""
    batch, classes = views[0].shape
    patches = torch.sin(torch.arange(batch * PATCHES * classes, dtype=torch.float64)).view(batch, PATCHES, classes)
    mask = (torch.arange(batch * PATCHES) % 3 == 0).view(batch, PATCHES)
    mask[0] = False
    student, teacher = patches.to(views[0].dtype), patches.flip(1).to(views[0].dtype)
    return {
        **of_shapes(*views),
        "patches": (student, student),
        "patch_targets": (teacher, teacher),
        "masks": (mask, mask),
    }


CASES = [Case(IBOT, with_patches, rotates=False, lengths=False, collapse=False, rows=1)]


def some(batch: int, classes: int, views: int = 2, seed: int = 0) -> dict[str, tuple[Tensor, ...]]:
    generator = torch.Generator().manual_seed(seed)
    draw = {"generator": generator, "dtype": torch.float64}
    return {
        "patches": tuple(torch.randn(batch, PATCHES, classes, **draw) for _ in range(views)),
        "patch_targets": tuple(torch.randn(batch, PATCHES, classes, **draw) for _ in range(views)),
        "masks": tuple(torch.rand(batch, PATCHES, **draw) < 0.4 for _ in range(views)),
    }


@pytest.mark.parametrize(("batch", "classes", "views"), [(1, 2, 1), (4, 3, 2), (3, 7, 3)])
@pytest.mark.parametrize(("temperature", "teacher"), [(0.1, 0.07), (1.0, 0.5)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_patches_agree_with_the_loops(
    batch: int, classes: int, views: int, temperature: float, teacher: float, dtype: torch.dtype
) -> None:
    s, t, m = some(batch, classes, views).values()
    s, t = (tuple(z.to(dtype) for z in rows) for rows in (s, t))
    expected = slow.masked_patches(s, t, m, temperature, teacher)
    found = masked_patches(s, t, m, temperature=temperature, teacher_temperature=teacher)
    assert float(found) == pytest.approx(expected, rel=1e-5 if dtype == torch.float32 else 1e-9)


def test_the_loss_is_dino_and_the_patches_each_with_its_weight() -> None:
    s, t, more = several(2, 4, 3, 1), several(2, 4, 3, 2), some(4, 3)
    whole = float(DINO()(*s, targets=t))
    patch = float(masked_patches(*more.values()))
    assert float(IBOT()(*s, targets=t, **more)) == pytest.approx(whole + patch, rel=1e-9)
    assert float(IBOT(whole=0.5, patch=2.0)(*s, targets=t, **more)) == pytest.approx(0.5 * whole + 2 * patch, rel=1e-9)
    terms = IBOT(patch=0.0).terms(*s, targets=t, **more)
    assert list(terms) == ["entropy", "divergence", "patch_entropy", "patch_divergence"]
    assert float(terms["patch_divergence"]) == 0.0


def test_only_the_masked_patches_count_whatever_the_others_hold() -> None:
    s, t, m = some(4, 3).values()
    value = float(masked_patches(s, t, m))
    broken = tuple(torch.where(mask[:, :, None], rows, math.nan) for rows, mask in zip(s, m, strict=True))
    assert float(masked_patches(broken, t, m)) == pytest.approx(value, rel=1e-12)
    leaf = s[0].clone().requires_grad_()
    masked_patches((leaf, s[1]), t, m).backward()
    assert float(leaf.grad[~m[0]].abs().sum()) == 0.0
    assert float(leaf.grad[m[0]].abs().sum()) > 0.0


def test_nothing_masked_reads_zero_and_has_a_gradient_of_zero() -> None:
    s, t, m = some(4, 3).values()
    leaf = s[0].clone().requires_grad_()
    value = masked_patches((leaf,), t[:1], (torch.zeros_like(m[0]),))
    value.backward()
    assert value.item() == 0.0
    assert torch.equal(leaf.grad, torch.zeros_like(leaf))


def test_even_answers_read_chance() -> None:
    z, patches, mask = torch.zeros(3, 8), torch.zeros(3, PATCHES, 8), torch.ones(3, PATCHES, dtype=torch.bool)
    loss = IBOT()
    value = loss(z, z, targets=(z, z), patches=(patches,), patch_targets=(patches,), masks=(mask,))
    assert float(value) == pytest.approx(loss.chance(3, 8), abs=1e-5)
    assert loss.chance(3, 8) == pytest.approx(2 * math.log(8))
    assert loss.reference_words(3, 8) == {"chance": "2 ln 8"}


def test_each_part_has_its_own_centre() -> None:
    s, t, more = several(2, 4, 3, 1), several(2, 4, 3, 2), some(4, 3)
    loss = IBOT()
    loss(*s, targets=t, **more)
    torch.testing.assert_close(loss.centre.mean, 0.1 * torch.cat(t).mean(0))
    torch.testing.assert_close(loss.patch_centre.mean, 0.1 * torch.cat(more["patch_targets"]).flatten(0, 1).mean(0))
    moved = [z - loss.patch_centre.mean for z in more["patch_targets"]]
    terms = loss.terms(*s, targets=t, **more)
    expected = slow.masked_patches(more["patches"], moved, more["masks"], 0.1, 0.07)
    assert float(terms["patch_entropy"] + terms["patch_divergence"]) == pytest.approx(expected, rel=1e-9)


def test_what_does_not_fit_is_refused_in_words() -> None:
    s, t, more = several(2, 4, 3, 1), several(2, 4, 3, 2), some(4, 3)
    loss = IBOT()

    def call(**other: object) -> Tensor:
        return loss(*s, **{"targets": t, **more, **other})

    with pytest.raises(ShapeError, match=r"iBOT: masks is \(4, 6\). It must be a tuple of tensors"):
        call(masks=more["masks"][0])
    with pytest.raises(ShapeError, match=r"patches, patch_targets and masks have 2, 2 and 1 entries for 2 views"):
        call(masks=more["masks"][:1])
    with pytest.raises(ShapeError, match=r"masks\[0\] is \(4, 6\) torch.int64 .*mask.bool\(\)"):
        call(masks=tuple(mask.long() for mask in more["masks"]))
    with pytest.raises(ShapeError, match=r"masks\[0\] is \(4, 5\) torch.bool for patches \(4, 6, 3\)"):
        call(masks=tuple(mask[:, :5] for mask in more["masks"]))
    with pytest.raises(ShapeError, match=r"patches\[0\] is \(4, 6, 2\) .*\(4, patches, 3\)"):
        call(patches=tuple(z[:, :, :2] for z in more["patches"]))
    with pytest.raises(ShapeError, match=r"patches\[0\] is \(4, 6, 3\) but patch_targets\[0\] is \(4, 5, 3\)"):
        call(patch_targets=tuple(z[:, :5] for z in more["patch_targets"]))
    with pytest.raises(DeviceMismatch, match=r"patch_targets\[0\] is on meta"):
        call(patch_targets=tuple(z.to("meta") for z in more["patch_targets"]))
    with pytest.raises(ArgumentError, match="IBOT: momentum is 2"):
        IBOT(momentum=2)
