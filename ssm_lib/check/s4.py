"""The exercises of chapter 06, S4: each answer is checked against the library."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, discretize, hippo, kernels


def node(answer: Any) -> bool:
    """Imaginary part of g at the node k = L/4 for dt = 0.1: (2/dt) tan(pi/4)."""
    return check.value(
        answer,
        20,
        {
            -20: "the nodes are exp(-2 pi i k / L), so this one is z = -i",
            10: "g has the factor 2/dt, not 1/dt",
            40: "(1 + i) / (1 - i) is i, not 2i",
            0.1: "g has the factor 2/dt, not dt",
        },
    )


def cauchy_sums(answer: Any) -> bool:
    """Number of different Cauchy sums for a low-rank part of rank 2: (1 + r)^2."""
    return check.value(
        answer,
        9,
        {
            4: "that is rank 1; C_tilde R P now has two entries",
            6: "P* R P is a matrix of 2 x 2 now: count all its entries",
            8: "two terms of rank one are not independent: P* R P is one matrix of 2 x 2",
            16: "C_tilde and B have one column each, whatever the rank",
        },
        tolerance=1e-9,
    )


def rank_one_solve(answer: Any) -> bool:
    """x with (diag(d) + P Q*) x = b, in O(N): no tensor near N x N may appear."""

    def reference(d: Tensor, P: Tensor, Q: Tensor, b: Tensor) -> Tensor:
        return torch.linalg.solve(torch.diag(d) + torch.outer(P, Q.conj()), b)

    seeded = torch.Generator().manual_seed(0)

    def case(N: int) -> tuple[Tensor, ...]:
        d, P, Q, b = torch.randn(4, N, dtype=torch.complex128, generator=seeded)
        return d + 3, P, Q, b

    cases = [case(1), case(5), case(64)]
    return check.function(answer, reference, cases, name="x", numbers=8 * 64)


def longer(answer: Any) -> bool:
    """C_tilde for twice the length from C_tilde: C (I - A^2L) = C (I - A^L) (I + A^L)."""

    def reference(C_tilde: Tensor, A_bar: Tensor, length: int) -> Tensor:
        return C_tilde + C_tilde @ torch.linalg.matrix_power(A_bar, length)

    A, B = hippo.transition("legs", 6)
    A_bar, _ = discretize.dense(A, B, 0.1, "bilinear")
    C_tilde = torch.linspace(-1, 1, 6, dtype=torch.float64)
    cases = [(C_tilde, A_bar, L) for L in (1, 7, 20)]
    return check.function(answer, reference, cases, tolerance=1e-9, name="the new C_tilde")


def small_circle(answer: Any) -> bool:
    """A kernel from nodes on a circle inside the unit circle, with C and not C_tilde: (L,)."""

    def reference(
        Lambda: Tensor, P: Tensor, B: Tensor, C: Tensor, dt: float, L: int
    ) -> Tensor:
        half = len(Lambda) // 2  # the full vectors hold both halves
        A, P, B, C = (x[None, :half] for x in (Lambda, P, B, C))
        step = torch.tensor([dt], dtype=torch.float64)
        return kernels.dplr(A, P[None], B, C, step, L)[0]

    Lambda, P, B, _ = hippo.nplr("legs", 16)
    C = torch.exp(1j * torch.arange(8, dtype=torch.float64))
    full = [torch.cat([x, x.conj()]) for x in (Lambda, P[0], B, C)]
    cases = [(*full, dt, L) for dt, L in ((0.05, 64), (0.05, 65), (0.005, 256))]
    return check.function(answer, reference, cases, tolerance=1e-6, name="the kernel")
