"""The exercises of chapter 03, HiPPO: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, hippo


def jump(answer: Any) -> bool:
    """c_1 of a signal that is 0 in the first half of the past and 1 in the second: sqrt(3) / 4."""
    return check.value(
        answer,
        math.sqrt(3) / 4,
        {
            0.25: "is the factor sqrt(2n+1) in your basis function?",
            math.sqrt(3) / 2: "ds = (t/2) dz: is the half missing?",
            0.5: "that is c_0, the mean",
            -math.sqrt(3) / 4: "the signal is 1 where P_1 is positive",
        },
    )


def row(answer: Any) -> bool:
    """The row n = 4 of the LegS matrix for N = 5."""
    return check.tensor(answer, hippo.transition("legs", 5)[0][4])


def fast_product(answer: Any) -> bool:
    """A c for LegS and c of shape (..., N), without the matrix: no tensor near N x N may appear."""
    seeded = torch.Generator().manual_seed(0)
    cases = [
        (torch.randn(*shape, generator=seeded, dtype=torch.float64),)
        for shape in ((1,), (4,), (3, 64))
    ]
    return check.function(
        answer,
        lambda c: c @ hippo.transition("legs", c.shape[-1])[0].T,
        cases,
        numbers=8 * 3 * 64,
    )


def mirrored(answer: Any) -> bool:
    """A and B for the basis sqrt(2n+1) P_n(1 - 2s/t): each odd coefficient changes its sign."""

    def part(i: int, name: str) -> bool:
        def theirs(N: int) -> Any:
            pair = answer(N)
            return pair if pair is None or pair is ... else pair[i]

        def ours(N: int) -> Tensor:
            A, B = hippo.transition("legs", N)
            sign = (-1.0) ** torch.arange(N)
            return (sign[:, None] * A * sign, sign * B)[i]

        return check.function(theirs, ours, [(1,), (4,), (9,)], name=name)

    return part(0, "first value (A)") and part(1, "second value (B)")


def step_for(answer: Any) -> bool:
    """The step with which 95 % of the weight e^{-age} lies on the last 200 samples."""
    return check.value(
        answer,
        -math.log(0.05) / 200,
        {
            1 / 200: "1/200 puts 1 - 1/e = 63 % of the weight there",
            -math.log(0.95) / 200: "that leaves 95 % for what is older",
            -math.log(0.05): "that is an age in units of time; 200 steps must make it up",
        },
        tolerance=5e-3,  # 3 / 200 will do
    )


def needed(answer: Any) -> bool:
    """The least number of coefficients for an error below a share of the standard deviation."""
    s = (torch.arange(240, dtype=torch.float64) + 0.5) / 240
    cases = [
        ((s > 0.5).double(), 0.2),
        (torch.sin(6 * math.pi * s) + s, 0.1),
        ((s - 0.3).abs(), 0.02),
    ]
    return check.function(answer, _least, cases)


def _least(u: Tensor, share: float) -> Tensor:
    c = hippo.project(u, "legs", 64, method="zoh")[-1]
    left = u.square().mean() - c.square().cumsum(0)
    return torch.tensor(1.0 + int((left > share**2 * u.var(correction=0)).sum()))
