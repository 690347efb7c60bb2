"""The exercises of chapter 04, HiPPO for other windows: each answer is checked against the library."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, hippo
from ssm_lib.tasks import delay

CUTOFFS = (0.05, 0.1, 0.15)  # cycles per step


def window(answer: Any) -> bool:
    """Step of LegT for a window of a quarter of a second at 16,000 samples per second: 1/4000."""
    return check.value(
        answer,
        1 / 4000,
        {
            1 / 16000: "that makes a window of one second; you want a quarter of it",
            1
            / 2000: "that is for the halved matrices, whose window is [0, 2]; here it is [0, 1]",
            1 / 8000: "the window of this library's matrices is [0, 1], not [0, 1/2]",
            0.25: "that is the window in seconds; one sample is which part of it?",
            4000: "so many samples are in the window; Δ is one over that",
        },
    )


def lmu(answer: Any) -> bool:
    """A and B of the Legendre Memory Unit, from LegT's."""

    def reference(N: int) -> tuple[Tensor, Tensor]:
        i = torch.arange(N, dtype=torch.float64)
        sign = 1 - 2 * ((i[:, None] - i) % 2)  # (-1)^(i-j)
        A = (2 * i[:, None] + 1) * torch.where(
            i[:, None] < i, -torch.ones_like(sign), -sign
        )
        return A, (2 * i + 1) * (1 - 2 * (i % 2))

    return _systems(answer, reference, [(2,), (7,)])


def fading(answer: Any) -> bool:
    """A and B of LegT with kernels that fade by e^{-r a}: LegT's A minus r I, the same B."""

    def reference(N: int, r: float) -> tuple[Tensor, Tensor]:
        A, B = hippo.transition("legt", N)
        return A - r * torch.eye(N), B

    return _systems(answer, reference, [(2, 0.0), (4, 1.0), (7, 2.5)])


def waves(answer: Any) -> bool:
    """Smallest even N that reads 100 steps back to 30 %, for LegT and Fourier and each cutoff."""
    if answer is None or answer is ...:
        return check.value(answer, 0)
    expected = {"legt": 3, "fourier": 3}
    if not isinstance(answer, dict) or {m: len(v) for m, v in answer.items()} != expected:
        print('✗ Not yet: expected {"legt": [N, N, N], "fourier": [N, N, N]}.')
        return False
    for measure, sizes in answer.items():
        for N, cutoff in zip(sizes, CUTOFFS, strict=True):
            if not isinstance(N, int) or N < 4 or N % 2:
                print(
                    f"✗ Not yet: {measure} has N = {N!r}; an even int from 4 on is expected."
                )
                return False
            error, below = (_error(measure, size, cutoff) for size in (N, N - 2))
            if not error < 0.3 <= below:
                verdict = (
                    f"{error:.3f}, not below 0.3"
                    if error >= 0.3
                    else f"{below:.3f} with {N - 2} already"
                )
                print(
                    f"✗ Not yet: {measure}, cutoff {cutoff}, N = {N}: the error is {verdict}."
                )
                return False
    print("✓ Right: all six are the smallest even state sizes.")
    return True


def _error(measure: str, N: int, cutoff: float) -> float:
    u = delay.band_limited((6000,), cutoff, seed=0)
    return delay.readout_error(hippo.project(u, measure, N, 0.01, "zoh"), u, 100)


def _systems(answer: Any, reference: Any, cases: list[tuple[Any, ...]]) -> bool:
    """Check a function that returns A and B: A first, then B."""

    def part(i: int, name: str) -> bool:
        def theirs(*arguments: Any) -> Any:
            pair = answer(*arguments)
            return pair if pair is None or pair is ... else pair[i]

        return check.function(
            theirs, lambda *arguments: reference(*arguments)[i], cases, name=name
        )

    return part(0, "A") and part(1, "B")
