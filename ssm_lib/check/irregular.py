"""The exercises of chapter 10, irregular sampling: each answer is checked against the library."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssm_lib import check

TRAINED_MINUTES = 15.0


def stamps(answer: Any) -> bool:
    """Intervals from time stamps in minutes, for a model trained on quarters of an hour; the first is 1."""

    def reference(t: Tensor) -> Tensor:
        return torch.cat([torch.ones(1).to(t), torch.diff(t) / TRAINED_MINUTES])

    even = TRAINED_MINUTES * torch.arange(4, dtype=torch.float64)
    uneven = torch.tensor([600.0, 605.0, 635.0, 650.0, 770.0], dtype=torch.float64)
    return check.function(answer, reference, [(even,), (uneven,)], name="the intervals")


def seen(answer: Any) -> bool:
    """Where a tone of 2.6 kHz appears if every third sample of 8 kHz is kept: 66.7 Hz."""
    return check.value(
        answer,
        200 / 3,
        {
            -200 / 3: "a real tone has no sign; give its size",
            2600: "above half of the new rate nothing can be seen; half of it is 1333 Hz",
            2600 / 3: "frequencies are not divided: time still runs in seconds",
            1400: "that is 4 kHz - 2.6 kHz; with every third sample the new rate is 8/3 kHz",
            4 / 3 * 1000: "that is half of the new rate, where folding begins",
        },
        tolerance=1e-3,
    )


def thin(answer: Any) -> bool:
    """Intervals of frames 1, 3, 5, ... when frames 0, 2, 4, ... are lost: sums of two."""

    def reference(dt: Tensor) -> Tensor:
        return dt[:, 0::2] + dt[:, 1::2]

    dt = torch.tensor([[1.0, 2.0, 4.0, 8.0, 16.0, 32.0], [1.0, 3.0, 1.0, 1.0, 2.0, 5.0]])
    return check.function(answer, reference, [(dt,), (dt[:, :2],)], name="the intervals")


def events(answer: Any) -> bool:
    """States that decay over the real gaps and take the gain of one step for each event."""

    def reference(lam: Tensor, Bu: Tensor, delta: Tensor, dt: float) -> Tensor:
        x, states = torch.zeros_like(lam), []
        for Bu_k, d in zip(Bu, delta, strict=True):
            x = torch.exp(lam * dt * d) * x + torch.expm1(lam * dt) / lam * Bu_k
            states.append(x)
        return torch.stack(states)

    seeded = torch.Generator().manual_seed(0)
    lam = torch.tensor([-0.5 + 2j, -0.1 + 0.5j, -1.0 + 0j], dtype=torch.complex128)
    Bu = torch.randn(6, 3, generator=seeded, dtype=torch.complex128)
    delta = torch.tensor([1.0, 4.0, 0.5, 2.0, 1.0, 9.0], dtype=torch.float64)
    cases = [(lam, Bu, torch.ones_like(delta), 0.1), (lam, Bu, delta, 0.3)]
    return check.function(answer, reference, cases, name="the states")
