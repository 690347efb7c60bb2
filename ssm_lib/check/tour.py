"""The exercises of chapter 00, a tour: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, discretize, kernels
from ssm_lib.layers.s4d import initial_eigenvalues


def memory(answer: Any) -> bool:
    """Samples until the kernel of S4D-Lin with dt = 0.01 has fallen to 1/e: 1 / (0.5 * 0.01)."""
    return check.value(
        answer,
        200,
        {
            2: "that is the time in seconds; how many steps of 0.01 s is it?",
            100: "the real part is -1/2, not -1",
            20: "the notebook's dt is 0.1; here it is 0.01",
            0.005: "that is the decay per sample; you want the number of samples",
        },
    )


def largest_step(answer: Any) -> bool:
    """Largest dt at which no mode of S4D-Lin with N = 64 turns by more than pi per sample: 1/31."""
    return check.value(
        answer,
        1 / 31,
        {
            1 / 63: "N = 64 counts both halves of the pairs: the modes are n = 0 .. 31",
            1 / 64: "N = 64 counts both halves of the pairs: the modes are n = 0 .. 31",
            1 / 32: "n starts at 0, so the last mode is n = 31",
            math.pi / 31: "the frequency of mode n is pi n, and it may turn by pi",
        },
        tolerance=1e-2,  # 0.032 will do
    )


def bilinear(answer: Any) -> bool:
    """A_bar and B_bar of one mode by the bilinear transform."""

    modes = torch.tensor([-0.5 + 3j, -2 + 0j], dtype=torch.complex128)
    cases = [(modes, 0.1), (modes, 1.5)]

    def part(i: int, name: str) -> bool:
        def theirs(lam: Tensor, dt: float) -> Any:
            pair = answer(lam, dt)
            return pair if pair is None or pair is ... else pair[i]

        def ours(lam: Tensor, dt: float) -> Tensor:
            return discretize.diagonal(lam, torch.ones_like(lam), dt, "bilinear")[i]

        return check.function(theirs, ours, cases, name=name)

    return part(0, "first value (A_bar)") and part(1, "second value (B_bar)")


def final_state(answer: Any) -> bool:
    """The state that an input leaves in the modes of S4D-Lin, without a loop over the steps."""
    Lambda, B = initial_eigenvalues("lin", 8)

    def reference(A_bar: Tensor, B_bar: Tensor, u: Tensor) -> Tensor:
        return B_bar * kernels.vandermonde_transpose(torch.log(A_bar), u)

    A_bar, B_bar = discretize.diagonal(Lambda, B, 0.1, "zoh")
    inputs = [torch.linspace(-1, 1, L, dtype=torch.float64) for L in (1, 2, 50)]
    return check.function(answer, reference, [(A_bar, B_bar, u) for u in inputs])


def twice_as_fast(answer: Any, model: torch.nn.Module, u: Tensor) -> bool:
    """Class of each digit when every pixel comes twice: the trained model with half the step."""
    with torch.no_grad():
        expected = model(u.repeat_interleave(2, dim=1), rate=0.5).argmax(-1)
    return check.tensor(answer, expected)
