"""Atomic tasks: small maps of sequences, each one thing that a model can do or cannot.

Eleven tasks of Gupta, Mehta and Berant (2022), made up anew for every batch. Unless a task says
otherwise, its sequence is r_i / max_j |r_j| with r_i standard normal; each input has, as its last two
channels, the position cos(2 pi i/T), sin(2 pi i/T), where T is the number of input steps. Targets stand at
the last steps of the input: a model is asked there, and nowhere else. The papers' score is R^2, the
objective ``"r2"`` of `ssm_lib.train`.

>>> u, y = TASKS["shift"].sample(16, 512, torch.Generator().manual_seed(0))
>>> u.shape, y.shape
(torch.Size([16, 512, 3]), torch.Size([16, 512, 8]))
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from ssm_lib import validate

SHIFTS = 8
MARKED = 32
FEATURES = 4  # of a query, a key and a value of `mips`
Sample = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Task:
    """One task.

    Parameters
    ----------
    d_input, d_output
        Channels of inputs (two of them the position) and of targets.
    draw
        (batch, length, generator) -> inputs (B, T, d_input - 2) and targets (B, S, d_output).
    shortest
        The smallest length L that it is defined for.
    """

    d_input: int
    d_output: int
    draw: Callable[[int, int, torch.Generator], Sample]
    shortest: int = 1

    def sample(self, batch: int, length: int, generator: torch.Generator) -> Sample:
        """Draw new sequences.

        Parameters
        ----------
        batch
            Number of sequences B.
        length
            The task's length L.
        generator
            Of the random numbers; the sample is on its device.

        Returns
        -------
        u : Tensor (B, T, d_input), float32. T is L, or more where a task appends blank steps.
        y : Tensor (B, S, d_output), float32. Targets at the last S steps; S is T where each has one.

        Raises
        ------
        TypeError, ValueError
            If batch or length is not a positive int, or the length shorter than the task allows.
        """
        validate.positive_int("batch", batch)
        if validate.positive_int("length", length) < self.shortest:
            raise ValueError(f"length must be at least {self.shortest}, got {length}")
        u, y = self.draw(batch, length, generator)
        return torch.cat([u, positions(u.shape[1], u).expand(batch, -1, -1)], dim=-1), y


def positions(steps: int, like: Tensor) -> Tensor:
    """cos and sin of 2 pi i / T for i = 0 .. T-1: (T, 2), in the dtype and on the device of `like`."""
    i = torch.arange(steps, dtype=torch.float64, device=like.device)
    angle = 2 * math.pi * i / steps
    return torch.stack([angle.cos(), angle.sin()], dim=-1).to(like.dtype)


def delayed(x: Tensor, delay: int) -> Tensor:
    """x (B, L) of `delay` steps ago, zero before the start: (B, L)."""
    return torch.nn.functional.pad(x, (delay, 0))[:, : x.shape[1]]


def _normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, device=generator.device)


def _noise(batch: int, length: int, generator: torch.Generator) -> Tensor:
    """Standard normal sequences, divided by their largest size: (B, L)."""
    r = _normal((batch, length), generator)
    return r / r.abs().amax(1, keepdim=True)


def _fixed() -> torch.Generator:
    """The numbers that all samples of a task share, on every device the same."""
    return torch.Generator().manual_seed(0)


def _shift(batch: int, length: int, generator: torch.Generator) -> Sample:
    """Eight outputs: the input of floor(j L/8) steps ago, j = 0 .. 7."""
    x = _noise(batch, length, generator)
    y = [delayed(x, j * length // SHIFTS) for j in range(SHIFTS)]
    return x[..., None], torch.stack(y, dim=-1)


def _context_shift(batch: int, length: int, generator: torch.Generator) -> Sample:
    """The input of s steps ago, where s is told by the first two inputs, cos and sin of 2 pi s/L."""
    device = generator.device
    s = torch.randint(length - 2, (batch, 1), generator=generator, device=device)
    angle = 2 * math.pi * s / length
    x = torch.cat([angle.cos(), angle.sin(), _noise(batch, length - 2, generator)], dim=1)
    before = torch.arange(length, device=device) - s  # (B, L)
    y = torch.where(before >= 0, x.gather(1, before.clamp(min=0)), 0)
    return x[..., None], y[..., None]


def _cumsum(batch: int, length: int, generator: torch.Generator) -> Sample:
    """The sum of what came so far, divided by the root of how many they are."""
    x = _noise(batch, length, generator)
    count = torch.arange(1, length + 1, device=x.device)
    return x[..., None], (x.cumsum(1) / count.sqrt())[..., None]


def _cummax(batch: int, length: int, generator: torch.Generator) -> Sample:
    """The largest of what came so far."""
    x = _noise(batch, length, generator)
    return x[..., None], x.cummax(1).values[..., None]


def _reverse(batch: int, length: int, generator: torch.Generator) -> Sample:
    """The sequence, then as many zeros: say it backwards."""
    x = _noise(batch, length, generator)
    return _then_blank(x[..., None], length), x.flip(1)[..., None]


def _sort(batch: int, length: int, generator: torch.Generator) -> Sample:
    """The sequence, then as many zeros: say it in the order of the distance to its first token."""
    x = _noise(batch, length, generator)
    order = (x - x[:, :1]).abs().argsort(dim=1, stable=True)
    return _then_blank(x[..., None], length), x.gather(1, order)[..., None]


def _select(
    batch: int, length: int, generator: torch.Generator, fixed: bool = False
) -> Sample:
    """L + 32 tokens, 32 of them marked, then 32 zeros: say the marked ones, in their order."""
    x = _noise(batch, length + MARKED, generator)
    draws = torch.rand(
        1 if fixed else batch,
        length + MARKED,
        generator=_fixed() if fixed else generator,
        device="cpu" if fixed else x.device,
    )
    places = draws.argsort(dim=1)[:, :MARKED].sort(dim=1).values.to(x.device)
    places = places.expand(batch, -1)
    marker = torch.zeros_like(x).scatter(1, places, 1.0)
    tokens = torch.stack([x, marker], dim=-1)
    return _then_blank(tokens, MARKED), x.gather(1, places)[..., None]


def _solve(
    batch: int, length: int, generator: torch.Generator, fixed: bool = False
) -> Sample:
    """The rows of [A | B], then zeros: say the unit vector X with A X = B, for an orthogonal A."""
    N = math.isqrt(length + 1) - 1
    draws = _normal((1 if fixed else batch, N, N), _fixed() if fixed else generator)
    U, _, Vh = torch.linalg.svd(draws)
    A = (U @ Vh).to(generator.device).expand(batch, -1, -1)
    X = torch.nn.functional.normalize(_normal((batch, N, 1), generator), dim=1)
    rows = torch.cat([A, A @ X], dim=-1).flatten(1)  # (B, N (N+1))
    return _then_blank(rows[..., None], length - rows.shape[1]), X


def _mips(batch: int, length: int, generator: torch.Generator) -> Sample:
    """Unit vectors q, k, v: say the v whose k, of those so far, has the largest product with this q."""
    qkv = _normal((batch, length, 3, FEATURES), generator)
    q, k, v = torch.nn.functional.normalize(qkv, dim=-1).unbind(2)
    later = torch.ones(length, length, dtype=torch.bool, device=q.device).triu(1)
    best = (q @ k.mT).masked_fill(later, -math.inf).argmax(-1)  # (B, L)
    return torch.cat([q, k, v], -1), v.gather(1, best[..., None].expand_as(v))


def _then_blank(x: Tensor, steps: int) -> Tensor:
    return torch.nn.functional.pad(x, (0, 0, 0, steps))


TASKS = {
    "shift": Task(3, SHIFTS, _shift),
    "cumsum": Task(3, 1, _cumsum),
    "cummax": Task(3, 1, _cummax),
    "reverse": Task(3, 1, _reverse),
    "sort": Task(3, 1, _sort),
    "select": Task(4, 1, _select),
    "select_fixed": Task(4, 1, partial(_select, fixed=True)),
    "solve": Task(3, 1, _solve, shortest=3),
    "solve_fixed": Task(3, 1, partial(_solve, fixed=True), shortest=3),
    "context_shift": Task(3, 1, _context_shift, shortest=3),
    "mips": Task(3 * FEATURES + 2, FEATURES, _mips),
}
