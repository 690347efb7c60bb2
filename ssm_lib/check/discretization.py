"""The exercises of chapter 02, discretization: each answer is checked against the library."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, discretize


def largest_euler_step(answer: Any) -> bool:
    """Largest dt at which Euler keeps the mode -1/2 + 10i stable: 1 / |lambda|^2, in seconds."""
    size = 0.25 + 100
    return check.value(
        answer,
        1 / size,
        {
            1 / math.sqrt(size): "at that step |z| = 1, which is not where |1 + z| = 1",
            2 / size: "the rule is dt = -2 Re(lambda) / |lambda|^2, and Re(lambda) is -1/2",
            4.0: "the swing counts too: |1 + dt lambda|^2 has the term dt^2 |lambda|^2",
        },
        tolerance=2e-3,
    )


def prewarp(answer: Any) -> bool:
    """The frequency to give to the bilinear rule so that the samples turn as fast as omega asks."""

    def reference(omega: Tensor, dt: float) -> Tensor:
        return 2 / dt * torch.tan(omega * dt / 2)

    cases = [
        (torch.tensor([0.1, 1.0, 3.0], dtype=torch.float64), 1.0),
        (torch.tensor([20.0, -5.0], dtype=torch.float64), 0.1),
    ]
    return check.function(answer, reference, cases, name="the warped-back frequency")


def gate_step(answer: Any) -> bool:
    """The step for which the hold of x' = -x + u is a gate sigma(v): log(1 + e^v), in seconds."""
    v = torch.tensor([-4.0, 0.0, 3.0], dtype=torch.float64)
    try:
        got = torch.as_tensor(answer(v)).to(v)
        backward = got.shape == v.shape and torch.allclose(got, v.exp())
    except Exception:  # told by check.function below
        backward = False
    if backward:
        print("✗ Not yet: e^v is the step of backward Euler; the zero-order hold is asked.")
        return False
    return check.function(answer, torch.nn.functional.softplus, [(v,)], name="the step")


def translate(answer: Any) -> bool:
    """Eigenvalues and input weights whose ZOH recurrence is the bilinear recurrence of other ones."""

    def reference(lam: Tensor, B: Tensor, dt: Tensor) -> tuple[Tensor, Tensor]:
        A_bar, _ = discretize.diagonal(lam, B, dt, "bilinear")
        new = torch.log(A_bar) / dt[:, None]
        return new, B * new / lam

    seeded = torch.Generator().manual_seed(0)
    swing = torch.randn(2, 3, generator=seeded, dtype=torch.float64).abs() * 5
    lam = torch.complex(torch.full_like(swing, -0.5), swing)  # (H, N/2)
    B = torch.randn(2, 3, generator=seeded, dtype=torch.complex128)
    dt = torch.tensor([0.05, 0.7], dtype=torch.float64)
    return _pair(
        answer, reference, [(lam, B, dt)], ("new eigenvalues", "new input weights")
    )


def _pair(
    answer: Any,
    reference: Callable[..., tuple[Tensor, Tensor]],
    cases: list[tuple[Any, ...]],
    names: tuple[str, str],
) -> bool:
    """Check a function that returns two tensors, one after the other."""

    def part(i: int) -> bool:
        def theirs(*arguments: Any) -> Any:
            both = answer(*arguments)
            return both if both is None or both is ... else both[i]

        return check.function(theirs, lambda *a: reference(*a)[i], cases, name=names[i])

    return part(0) and part(1)
