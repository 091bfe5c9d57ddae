"""Image views: each augmentation does what its line of the docstring says, and only that."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F

from vergence import errors
from vergence.views import Identity, Images, Views

NAMES = ("crop", "flip", "rotate", "brightness", "contrast", "saturation", "hue", "grey", "blur", "noise", "erase")
GREY = torch.tensor([0.299, 0.587, 0.114])


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(n=64, channels=3, height=16, width=16, low=0.0, high=1.0):
    """Smooth random pictures."""
    coarse = torch.rand(n, channels, 4, 4, generator=generator(7))
    x = F.interpolate(coarse, (height, width), mode="bilinear", align_corners=True)
    return low + (high - low) * x


def only(name, strength=1.0, amount=1.0):
    return Images(strength, **(dict.fromkeys(NAMES, 0.0) | {name: amount}))


def luma(x):
    return torch.einsum("bchw,c->bhw", x, GREY)


def test_strength_0_is_the_identity():
    x = pictures()
    everything = Images(0.0, **dict.fromkeys(NAMES, 2.0))
    assert torch.equal(everything(x, generator()), x)
    assert torch.equal(Images(1.0, **dict.fromkeys(NAMES, 0.0))(x, generator()), x)
    assert torch.equal(Identity()(x, generator()), x)


def test_they_are_views():
    assert isinstance(Images(), Views)
    assert isinstance(Identity(), Views)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_shape_type_and_layout_are_kept_and_the_input_is_left_alone(channels, dtype, layout):
    x = pictures(6, channels, 9, 13).to(dtype).contiguous(memory_format=layout)
    before = x.clone()
    view = Images(0.7, **dict.fromkeys(NAMES, 1.0))(x, generator())
    assert (view.shape, view.dtype, view.stride()) == (x.shape, x.dtype, x.stride())
    assert torch.equal(x, before)
    assert not torch.equal(view, x)
    assert torch.isfinite(view.float()).all()


@pytest.mark.parametrize("shape", [(0, 3, 8, 8), (1, 3, 8, 8), (2, 1, 1, 1), (3, 3, 64, 8)])
def test_odd_batches(shape):
    x = torch.rand(shape, generator=generator())
    assert Images(1.0, **dict.fromkeys(NAMES, 1.0))(x, generator()).shape == shape


def test_only_the_generator_decides():
    x, views = pictures(), Images(0.8, **dict.fromkeys(NAMES, 1.0))
    torch.manual_seed(1)
    state = torch.get_rng_state()
    first = views(x, generator(3))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(2)
    assert torch.equal(first, views(x, generator(3)))
    assert not torch.equal(first, views(x, generator(4)))


def test_each_image_gets_its_own_view():
    x = pictures(1).expand(8, -1, -1, -1)
    view = Images(0.5)(x, generator())
    assert len(torch.unique(view.flatten(1), dim=0)) == 8


@pytest.mark.parametrize("name", [*NAMES, "all"])
def test_a_higher_strength_changes_more(name):
    x = pictures(128, height=64, width=64)
    x = 0.8 * x + 0.2 * torch.rand(x.shape, generator=generator(1))
    moved = []
    for strength in (0.0, 0.1, 0.3, 0.5, 0.7, 1.0):
        views = Images(strength, **dict.fromkeys(NAMES, 1.0)) if name == "all" else only(name, strength)
        moved.append((views(x, generator()) - x).abs().mean().item())
    assert moved[0] == 0
    assert all(less < more for less, more in pairwise(moved))


def test_turning_one_off_leaves_the_others_as_they_were():
    x = pictures()
    with_flip = Images(1.0, crop=0, blur=0)(x, generator())
    without = Images(1.0, crop=0, blur=0, flip=0)(x, generator())
    same = (with_flip - without).abs().flatten(1).amax(1) < 1e-4
    mirrored = (with_flip - without.flip(3)).abs().flatten(1).amax(1) < 1e-4
    assert (same | mirrored).all()
    assert 0 < mirrored.sum() < len(x)


def test_flip():
    x = pictures(400)
    view = only("flip")(x, generator())
    same = torch.isclose(view, x, atol=1e-5).flatten(1).all(1)
    mirrored = torch.isclose(view, x.flip(3), atol=1e-5).flatten(1).all(1)
    assert (same ^ mirrored).all()
    assert 160 < mirrored.sum() < 240
    assert 0 < torch.isclose(only("flip", 0.2)(x, generator()), x, atol=1e-5).flatten(1).all(1).logical_not().sum() < 80


def ramps(n, height, width):
    """Two channels that say where a pixel lies, in pixels / 100."""
    down = torch.arange(height, dtype=torch.float64)[:, None].expand(height, width)
    across = torch.arange(width, dtype=torch.float64)[None].expand(height, width)
    return torch.stack([down, across]).div(100).expand(n, -1, -1, -1)


def test_crop_is_a_piece_of_the_image_of_the_area_and_aspect_promised():
    height, width = 40, 40
    view = only("crop", 0.5)(ramps(500, height, width), generator()) * 100
    inside = view[:, :, 5:-5, 5:-5]
    tall = (inside[:, 0, -1] - inside[:, 0, 0]).mean(1) / (inside.shape[2] - 1)
    wide = (inside[:, 1, :, -1] - inside[:, 1, :, 0]).mean(1) / (inside.shape[3] - 1)
    area = tall * wide
    assert area.min() > 1 - 0.92 * 0.5 - 0.06  # clamping a side to the whole takes a little off
    assert area.max() <= 1 + 1e-6
    assert area.min() < 0.6
    assert area.max() > 0.95
    assert (wide / tall).max() < (4 / 3) ** 0.5 + 1e-6
    assert (tall / wide).max() < (4 / 3) ** 0.5 + 1e-6
    assert view[:, 0].min() >= 0
    assert view[:, 0].max() <= height - 1


@pytest.mark.parametrize("sides", [(40, 40), (30, 60)])
def test_rotation_keeps_distances_in_pixels(sides):
    view = only("rotate")(ramps(200, *sides), generator()) * 100
    middle = view[:, :, sides[0] // 2 - 4 : sides[0] // 2 + 4, sides[1] // 2 - 4 : sides[1] // 2 + 4]
    for axis in (2, 3):
        step = middle.diff(dim=axis).square().sum(1).sqrt()
        assert torch.allclose(step, torch.ones_like(step), atol=1e-5)
    angle = torch.atan2(middle[:, 0].diff(dim=2).mean((1, 2)), middle[:, 1].diff(dim=2).mean((1, 2)))
    assert angle.abs().max() < math.pi / 4 + 1e-6
    assert angle.min() < -0.6
    assert angle.max() > 0.6


def test_places_agree_with_affine_grid():
    x = pictures(4, 3, 12, 20).double()
    views = Images(0.9, **(dict.fromkeys(NAMES, 0.0) | {"crop": 1.0, "rotate": 1.0, "flip": 1.0}))
    u = torch.rand(4, 20, generator=generator(5)).double()
    area = 1 - 0.92 * 0.9 * (1 - u[:, 0])
    ratio = (4 / 3) ** (0.9 * (2 * u[:, 1] - 1))
    rows = []
    for i in range(4):
        wide, tall = min(1.0, math.sqrt(area[i] * ratio[i])), min(1.0, math.sqrt(area[i] / ratio[i]))
        angle = (2 * u[i, 5].item() - 1) * 0.9 * math.pi / 4
        turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        pixels = torch.diag(torch.tensor([10.0, 6.0]))  # half of width and height
        size = torch.diag(torch.tensor([-wide if u[i, 4] < 0.45 else wide, tall]))
        shift = torch.tensor([(2 * u[i, 2].item() - 1) * (1 - wide), (2 * u[i, 3].item() - 1) * (1 - tall)])
        rows.append(torch.cat([pixels.inverse() @ turn @ pixels @ size, shift[:, None]], 1))
    grid = F.affine_grid(torch.stack(rows).double(), list(x.shape), align_corners=False)
    slow = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    assert torch.allclose(views(x, generator(5)), slow, atol=1e-6)


def test_what_lies_outside_is_the_border():
    x = torch.ones(32, 3, 16, 16)
    x[:, :, 4:12, 4:12] = 0.2
    view = only("rotate", amount=3.0)(x, generator())
    assert view[:, :, 0, 0].eq(1).all()
    assert view[:, :, -1, -1].eq(1).all()


def test_colours_agree_with_one_step_after_the_other():
    """Saturation, hue, contrast and brightness pixel by pixel, in the order of the formula."""
    x = pictures(3, 3, 2, 2, 0.3, 0.5).double()
    kinds = {"brightness": 0.3, "contrast": 0.4, "saturation": 0.5, "hue": 0.6}
    view = Images(1.0, **(dict.fromkeys(NAMES, 0.0) | kinds))(x, generator(2))
    u = torch.rand(3, 20, generator=generator(2)).double()
    for i in range(3):
        bright, contrast, saturation = (1 + 0.8 * a * (2 * u[i, k] - 1) for k, a in ((6, 0.3), (7, 0.4), (8, 0.5)))
        angle = 0.6 * 0.4 * math.pi * (2 * u[i, 9] - 1)
        axis = torch.ones(3, dtype=torch.float64) / math.sqrt(3)
        mean = luma(x[i : i + 1].float()).double().mean()
        for row in range(2):
            for column in range(2):
                pixel = x[i, :, row, column]
                grey = (pixel * GREY).sum()
                # Rodrigues' formula turns the difference from grey about the grey axis.
                turned = (
                    pixel * torch.cos(angle)
                    + torch.linalg.cross(axis, pixel) * torch.sin(angle)
                    + axis * (axis @ pixel) * (1 - torch.cos(angle))
                )
                coloured = grey + saturation * (turned - (turned * GREY).sum())
                expected = bright * (mean + contrast * (coloured - mean))
                assert torch.allclose(view[i, :, row, column], expected, atol=1e-6)


def test_brightness_scales_and_contrast_keeps_the_mean():
    x = pictures(200, low=0.3, high=0.5)
    ratio = only("brightness")(x, generator()) / x
    assert torch.allclose(ratio, ratio[:, :1, :1, :1].expand_as(ratio), atol=1e-4)
    assert ratio.min() < 0.3
    assert ratio.max() > 1.7
    assert torch.allclose(luma(only("contrast")(x, generator())).mean((1, 2)), luma(x).mean((1, 2)), atol=1e-4)


def test_saturation_and_hue_keep_the_grey_of_each_pixel():
    x = pictures(200, low=0.4, high=0.6)
    for name in ("saturation", "hue", "grey"):
        view = only(name)(x, generator())
        assert torch.allclose(luma(view), luma(x), atol=1e-5)
        assert (view - x).abs().max() > 0.02


def test_a_fifth_lose_their_colour():
    view = only("grey")(pictures(500), generator())
    lost = (view.amax(1) - view.amin(1)).flatten(1).amax(1) < 1e-5
    assert 70 < lost.sum() < 130


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_colour_needs_three_channels(channels):
    x = pictures(8, channels)
    for name in ("saturation", "hue", "grey"):
        assert torch.equal(only(name)(x, generator()), x)
    for name in ("brightness", "contrast"):
        assert not torch.equal(only(name)(x, generator()), x)


def test_blur_softens_some_and_keeps_flat_ones():
    x = pictures(300, height=32, width=32)
    x = x + 0.2 * torch.rand(x.shape, generator=generator(1))
    view = only("blur")(x, generator())
    touched = (view != x).flatten(1).any(1)
    assert 110 < touched.sum() < 190
    rough = x.diff(dim=3).square().mean((1, 2, 3))
    assert (view.diff(dim=3).square().mean((1, 2, 3)) <= rough + 1e-6).all()
    assert torch.allclose(view.clamp(max=1).mean((1, 2, 3))[~touched], x.clamp(max=1).mean((1, 2, 3))[~touched])
    flat = torch.full((50, 3, 9, 14), 0.4)
    assert torch.allclose(only("blur")(flat, generator()), flat, atol=1e-6)


def test_blur_is_a_gaussian_of_the_width_promised():
    x = torch.zeros(400, 1, 65, 65)
    x[:, 0, 32, 32] = 1
    view = only("blur")(x, generator())[:, 0]
    place = torch.arange(65.0) - 32
    sigma = (view.sum(1) * place.square()).sum(1).sqrt()  # of the row sums
    chosen = (view[:, 32, 32] < 1) & (sigma > 0.8)  # narrower ones are finer than the pixels
    u = torch.rand(400, 20, generator=generator())
    assert torch.allclose(sigma[chosen], 0.05 * 65 * u[chosen, 12], atol=0.01)
    assert chosen.sum() > 100


def test_noise_is_as_large_as_promised():
    x = torch.full((300, 1, 20, 20), 0.5)
    size = only("noise")(x, generator()).sub(x).flatten(1).std(1)
    assert size.max() < 0.11
    assert size.mean().item() == pytest.approx(0.05, abs=0.005)


def test_erase_fills_a_rectangle_with_the_mean_colour():
    x = pictures(200, height=20, width=24)
    view = only("erase")(x, generator())
    changed = (view != x).any(1)
    assert 60 < changed.flatten(1).any(1).sum() < 110
    for before, after, where in zip(x, view, changed, strict=True):
        if where.any():
            rows, columns = where.any(1).nonzero().flatten(), where.any(0).nonzero().flatten()
            box = after[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            assert box.shape[1] <= 11
            assert box.shape[2] <= 13
            assert torch.allclose(box, before.mean((1, 2))[:, None, None].expand_as(box), atol=1e-5)


def test_values_stay_in_their_range():
    strong = Images(1.0, **dict.fromkeys(NAMES, 2.0))
    view = strong(pictures(200), generator())
    assert view.min() == 0
    assert view.max() == 1
    normalised = pictures(200, low=-2.0, high=2.5)
    view = strong(normalised, generator())
    assert view.min() >= normalised.min()
    assert view.max() <= normalised.max()
    assert view.min() < -1
    assert view.max() > 2


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan"), float("inf"), "0.5", None, True])
def test_a_strength_that_is_none_is_answered(strength):
    with pytest.raises(errors.ArgumentError, match=r"strength is .*from 0 .* to 1"):
        Images(strength)
    views = Images(0.5)
    with pytest.raises(errors.ArgumentError):
        views.strength = strength
    assert views.strength == 0.5


@pytest.mark.parametrize("amount", [-1, float("nan"), float("inf"), "much"])
def test_a_multiplier_that_is_none_is_answered(amount):
    with pytest.raises(errors.ArgumentError, match=r"blur is .*0 turns blur off"):
        Images(blur=amount)


def test_settings_can_change_while_it_runs():
    views, x = Images(0.5), pictures()
    views.strength = 0
    assert torch.equal(views(x, generator()), x)
    views.set("strength", 1)
    assert views.settings()["strength"] == 1.0
    for name in NAMES:
        views.set(name, 0)
    assert torch.equal(views(x, generator()), x)
    with pytest.raises(errors.UnknownName, match="Did you mean 'saturation'"):
        views.set("saturate", 1)
    assert list(views.settings()) == ["strength", *NAMES]
    assert repr(Images(0.5, crop=2)).startswith("Images(strength=0.5, crop=2, flip=")


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (torch.rand(3, 8, 8), r"x is \(3, 8, 8\).*batch axis: x\[None\]"),
        (torch.rand(8, 8), r"x is \(8, 8\)"),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), r"dtype torch.uint8.*x.float\(\) / 255"),
        ([1, 2], "x is a list"),
    ],
)
def test_a_batch_that_is_none_is_answered(x, message):
    with pytest.raises(errors.ShapeError, match=message):
        Images()(x, generator())
