"""Signal and noise: Gaussian rows, some axes of which every view adds noise to."""

from __future__ import annotations

import torch

from vergence import shapes
from vergence.data.known import FactorViews, Items, Known, check_amount, check_most, check_seed

__all__ = ["signal_noise"]

HELD_OUT = 1024


def signal_noise(
    noise: float = 1.0, *, n: int = 10_000, dim: int = 16, noisy: int | None = None, seed: int = 0
) -> Known:
    r"""Rows x ~ N(0, I) of 16 numbers; a view adds N(0, noise^2) to the last 8 of them and keeps the others.

        Run(Recipe(losses.InfoNCE(temperature=0.1), encoder=lambda: nn.Linear(16, 16), projector="none"),
            vg.data.signal_noise(noise=2.0))

    On an axis without noise the two views of a sample agree; on a noisy one their correlation is 1 / (1 + noise^2).
    Weak noise leaves the noisy axes some weight, strong noise shrinks them to nothing, and the spectrum of the
    embedding ends there: dimensional collapse by strong augmentation. A linear encoder without a head, after 1,000
    steps of Adam at temperature 0.1: the 8 smaller singular values over the largest are 0.5 to 0.6 at noise 0.5, 0.1 to
    0.2 at 1, 0 to 0.03 at 1.5, and the 8 larger ones stay above 0.87.

    noise: standard deviation, as a multiple of the signal's. 0: all axes are signal. 1: as much noise as signal.
    n: training samples; 1,024 more are held out, of which the reference set is taken.
    dim, noisy: axes in all, and how many of them are noisy; None is half.
    seed: of the rows.

    There are no classes. The factors are the axes in floating point, "signal 1" .. and "noisy 1" ... Of the noisy
    ones the truth says "shared" below a noise of 1 and "nuisance" from there on. The views come with the source: a run
    takes them where none are given, at `strength` 1, which multiplies the noise.

    Raises ArgumentError for a number outside its range.
    Source: Jing et al. 2021 (DirectCLR), arXiv:2110.09348: 16 axes, 8 of them noisy, 10,000 points, InfoNCE and SGD
    without a projector.
    """
    call = "signal_noise"
    noise = check_amount(call, "noise", noise, "0 leaves all axes signal, 1 is as much noise as signal")
    shapes.check_count(call, "n", n, least=2)
    shapes.check_count(call, "dim", dim, least=2)
    seed = check_seed(call, seed)
    noisy = dim // 2 if noisy is None else check_most(call, "noisy", noisy, 0, dim - 1, f"one of {dim} axes is signal")
    own = torch.Generator().manual_seed(seed)
    clear = dim - noisy
    names = [f"signal {axis + 1}" for axis in range(clear)] + [f"noisy {axis + 1}" for axis in range(noisy)]

    def made(count: int) -> Items:
        rows = torch.randn(count, dim, generator=own)
        return Items(rows, {name: rows[:, axis] for axis, name in enumerate(names)})

    train, held_out = made(n), made(HELD_OUT)
    drowned = noise >= 1
    return Known(
        "signal-noise",
        train,
        held_out,
        knobs={"noise": noise, "dim": dim, "noisy": noisy},
        shared=names[:clear] if drowned else names,
        nuisance=names[clear:] if drowned else (),
        views=FactorViews(noise=(torch.eye(dim)[clear:], noise)),
    )
