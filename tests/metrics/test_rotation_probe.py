"""The rotation probe: chance, what is recognised, the shortcut it falls for, and what has no rotation."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from tests.metrics.case import Case
from tests.reference import rotation_probe as slow
from vergence.errors import ArgumentError, NotFinite, ShapeError, TooFewRows
from vergence.metrics import probes, rotation_probe


def noise(items: int = 120, channels: int = 1, size: int = 6, seed: int = 0) -> Tensor:
    return torch.randn(items, channels, size, size, generator=torch.Generator().manual_seed(seed))


def digits(items: int = 300) -> Tensor:
    return torch.from_numpy(load_digits().images[:items]).float()[:, None] / 16


def pixels(x: Tensor) -> Tensor:
    return x.flatten(1)


class TestKnown:
    def test_by_hand(self) -> None:
        images = digits(60)
        # Not all pixels: with all of them every rotation is as hard as any other.
        found = rotation_probe(lambda x: x.flatten(1)[:, :30], images, ridge=0.5, seed=3)
        rows = [
            [value for line in slow.turned(image[0].tolist(), quarters) for value in line][:30]
            for image in images
            for quarters in range(4)
        ]
        asked = torch.arange(4).repeat(60)
        expected = probes(torch.tensor(rows), asked, groups=torch.arange(60).repeat_interleave(4), ridge=0.5, seed=3)
        assert found.accuracy == expected.linear.accuracy
        assert found.probes.knn.accuracy == expected.knn.accuracy
        assert float(found.by_rotation.mean()) == pytest.approx(found.accuracy)
        turn = expected.linear.rows % 4
        right = [float(expected.linear.right[turn == quarters].mean()) for quarters in range(4)]
        assert found.by_rotation.tolist() == pytest.approx(right)
        assert right[1] != right[3]
        assert found.half == expected.linear.half

    def test_an_image_is_never_on_both_sides(self) -> None:
        found = rotation_probe(pixels, noise())
        assert found.probes.fit + found.probes.asked == 480
        asked, counts = torch.unique(found.probes.linear.rows // 4, return_counts=True)
        assert counts.tolist() == [4] * len(asked)
        assert found.chance == found.probes.chance == 0.25

    def test_noise_has_no_way_up(self) -> None:
        found = rotation_probe(pixels, noise(400))
        assert abs(found.accuracy - 0.25) < 1.5 * found.half

    def test_features_that_do_not_depend_on_the_rotation(self) -> None:
        found = rotation_probe(lambda x: torch.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], 1), digits())
        assert found.accuracy == pytest.approx(0.25, abs=0.02)

    def test_digits_from_pixels(self) -> None:
        found = rotation_probe(pixels, digits())
        assert 0.6 < found.accuracy < 0.9
        assert found.probes.knn.accuracy > 0.85

    def test_sees_content_that_is_dropped(self) -> None:
        # What is left of the pixels is four numbers: the means of their quarters.
        found = rotation_probe(lambda x: nn.functional.adaptive_avg_pool2d(x, 2).flatten(1), digits())
        assert found.accuracy < rotation_probe(pixels, digits()).accuracy - 0.2

    def test_misses_that_a_mark_in_a_corner_is_no_content(self) -> None:
        images = noise()
        images[:, :, 0, 0] = 6
        assert rotation_probe(pixels, images).accuracy == 1.0


class TestNothingMoves:
    def test_of_the_encoder(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.BatchNorm1d(32), nn.Dropout(0.5), nn.Linear(32, 16))
        net[2].eval()
        before = {name: value.clone() for name, value in net.state_dict().items()}
        state = torch.get_rng_state()
        first, second = rotation_probe(net, digits()), rotation_probe(net, digits())
        assert first.accuracy == second.accuracy
        assert torch.equal(first.by_rotation, second.by_rotation)
        assert [part.training for part in net] == [True, True, False, True, True]
        assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
        assert all(p.grad is None for p in net.parameters())
        assert torch.equal(torch.get_rng_state(), state)

    def test_modes_return_when_the_encoder_fails(self) -> None:
        net = nn.Sequential(nn.Linear(5, 3))
        with pytest.raises(RuntimeError):
            rotation_probe(net, noise())
        assert net.training

    def test_whole_numbers_where_the_encoder_takes_them(self) -> None:
        images = (digits() * 16).round().clamp(0, 255).to(torch.uint8)
        assert len(images.unique()) > 8
        seen: list[torch.dtype] = []

        def takes_bytes(x: Tensor) -> Tensor:
            seen.append(x.dtype)
            return pixels(x.double() / 255)

        assert rotation_probe(takes_bytes, images).accuracy == rotation_probe(pixels, images.double() / 255).accuracy
        assert set(seen) == {torch.uint8}

    def test_half_precision_weights(self) -> None:
        net = nn.Sequential(nn.Flatten(), nn.Linear(64, 16)).bfloat16()
        assert rotation_probe(net, digits(60)).accuracy > 0.3


class TestTheDoor:
    def test_images_that_cannot_be_read_are_left_out(self) -> None:
        images = noise()
        images[2, 0, 1, 1] = math.nan
        images[5, 0, 0, 0] = 1000

        def encoder(x: Tensor) -> Tensor:
            # In one of the four rotations only.
            return torch.where(x[:, 0, :1, 0] > 500, math.inf, x.flatten(1))

        found = rotation_probe(encoder, images)
        assert (found.images, found.images_left_out, found.images_total) == (118, 2, 120)

    def test_drawn_images(self) -> None:
        found = rotation_probe(pixels, noise(), max_images=20)
        assert (found.images, found.images_total) == (20, 120)
        assert found.accuracy == rotation_probe(pixels, noise(), max_images=20).accuracy

    def test_refuses(self) -> None:
        images = noise()
        with pytest.raises(ShapeError, match=r"rotation_probe: images is \(120, 6\). .* A vector has no rotation"):
            rotation_probe(pixels, images[:, 0, 0])
        with pytest.raises(ShapeError, match=r"images is \(120, 6, 6\). .* images\[:, None\] for grey"):
            rotation_probe(pixels, images[:, 0])
        with pytest.raises(
            ShapeError, match=r"images is \(120, 1, 6, 5\), 6 high and 5 wide. .* images\[:, :, :5, :5\]"
        ):
            rotation_probe(pixels, images[..., :5])
        with pytest.raises(ShapeError, match=r"images is \(120, 1, 1, 6, 6\). .* one frame"):
            rotation_probe(pixels, images[:, None])
        for encoder in (pixels, nn.Sequential(nn.Flatten(), nn.Linear(36, 4))):
            with pytest.raises(ShapeError, match=r"images has dtype torch.uint8, and .* images.float\(\) / 255"):
                rotation_probe(encoder, images.to(torch.uint8))
        with pytest.raises(ShapeError, match=r"the encoder returned \(120, 1, 6, 6\)"):
            rotation_probe(lambda x: x, images)
        with pytest.raises(TooFewRows, match=r"images has 5 items, 8 are needed"):
            rotation_probe(pixels, images[:5])
        with pytest.raises(ArgumentError, match=r"the encoder is a Tensor. It must be a module or a function"):
            rotation_probe(images, images)  # type: ignore[arg-type]
        with pytest.raises(NotFinite, match=r"rotation_probe: 0 of 120 images are finite, 8 are needed"):
            rotation_probe(pixels, images * math.nan)
        with pytest.raises(NotFinite, match=r"0 of 120 images have features that are neither zero nor NaN"):
            rotation_probe(lambda x: 0 * x.flatten(1), images)
        with pytest.raises(ArgumentError, match=r"max_images is 3. It must be a whole number, 8 or above"):
            rotation_probe(pixels, images, max_images=3)


def _asked(n: int, dim: int, dtype: torch.dtype, seed: int) -> tuple[Any, Tensor]:
    return pixels, noise(n, 1, dim, seed).to(dtype)


# Images are no rows of embeddings: what is refused is tried above.
CASES = [Case(rotation_probe, _asked, of=())]
