"""The exercises of chapter 08, S4D: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, hippo, lti

TOP = 1303.2738  # largest frequency of S4D-LegS at N = 64, rad/s
LOUD = 52.71  # |1 + p| / 2 at the largest frequency of N = 16


def coarsest(answer: Any) -> bool:
    """Largest step at which the fastest mode of S4D-LegS, N = 64, turns by no more than pi: pi / 1303.27."""
    return check.value(
        answer,
        math.pi / TOP,
        {
            2
            * math.pi
            / TOP: "that is a whole turn per sample; an alias begins at half a turn",
            1 / TOP: "that is one radian per sample; an alias begins at π",
            TOP / math.pi: "that is 1/Δ",
        },
        tolerance=5e-3,  # two digits, or the leading term N²/π of the frequency, will do
    )


def too_loud(answer: Any) -> bool:
    """How many times too loud S4D-LegS is at its top frequency, N = 16: |1 + p| / 2."""
    return check.value(
        answer,
        LOUD,
        {
            105.42: "H_D is half of H_N: halve it",
            104.42: "that is |p|; the loop divides by 1 + p, and B is halved",
            51.71: "that is |H_A − H_D| / |H_A|; the question is |H_D| / |H_A|",
            1 / LOUD: "the other way round: how much louder is S4D?",
        },
    )


def halves(answer: Any) -> bool:
    """From all eigenvalues and weights of a real system, (N,), those to keep: (M,), for 2 Re sums."""
    cases = [_system(N, seed) for N, seed in ((2, 0), (5, 1), (6, 2), (9, 3))]
    t = torch.linspace(0, 3, 40, dtype=torch.float64)

    def response(Lambda: Tensor, w: Tensor) -> Tensor:
        return 2 * (torch.exp(t[:, None] * Lambda) @ w).real

    def reference(Lambda: Tensor, w: Tensor) -> Tensor:
        return (torch.exp(t[:, None] * Lambda) @ w).real

    def kept(Lambda: Tensor, w: Tensor) -> Tensor | None:
        result = answer(Lambda, w)
        if result is None or result is ...:
            return None
        if not isinstance(result, tuple) or len(result) != 2:
            raise TypeError("return two tensors, the eigenvalues and the weights to keep")
        if len(result[0]) != int((Lambda.imag >= 0).sum()):
            raise ValueError(
                f"kept {len(result[0])} modes; one of each pair and every real one are "
                f"{int((Lambda.imag >= 0).sum())}"
            )
        return response(*result)

    if answer is None or answer is ...:
        return check.function(answer, reference, cases)
    return check.function(kept, reference, cases, name="the response")


def averages(answer: Any) -> bool:
    """Bin averages of 2 Re sum w exp(lambda t) over L steps: the zero-order hold kernel over the step."""

    def reference(Lambda: Tensor, w: Tensor, dt: float, length: int) -> Tensor:
        edges = torch.arange(length + 1, dtype=torch.float64) * dt
        step = 2 * (torch.expm1(edges[:, None] * Lambda) @ (w / Lambda)).real
        return step.diff() / dt

    Lambda = torch.tensor([-0.5 + 3j, -1.0 + 40j], dtype=torch.complex128)
    w = torch.tensor([1 - 1j, 0.5j], dtype=torch.complex128)
    return check.function(answer, reference, [(Lambda, w, 0.1, 1), (Lambda, w, 0.02, 30)])


def share(answer: Any) -> bool:
    """A share t of the rank-one part, N = 64: condition number below 20, error below 6 % everywhere."""
    if answer is None or answer is ...:
        return check.value(answer, 0.1)
    try:
        t = float(answer)
    except (TypeError, ValueError):
        return check.value(answer, 0.1)
    if not 0 < t < 1:
        print(f"✗ Not yet: a share lies between 0 and 1, got {t:g}.")
        return False
    condition, error = share_quality(t)
    measured = f"condition number {condition:.1f}, largest error {100 * error:.1f} %"
    if condition >= 20:
        print(f"✗ Not yet: {measured}. The first is not below 20: take more away.")
        return False
    if error >= 0.06:
        print(f"✗ Not yet: {measured}. The second is not below 6 %: take less away.")
        return False
    print(f"✓ Right: {measured}.")
    return True


def share_quality(t: float, N: int = 64) -> tuple[float, float]:
    """What it costs and gains to take the share t of the rank-one part from LegS, with B (1 - t/2).

    Parameters
    ----------
    t
        Share, above 0 and below 1.
    N
        State size.

    Returns
    -------
    condition, error : float
        Of the eigenvectors; the largest |H - H_A| / |H_A| over 400 frequencies and the eigenvalues'.
    """
    A, B = hippo.transition("legs", N)
    near = A + t / 2 * torch.outer(B, B)
    _, V = torch.linalg.eig(near)
    omega = torch.cat([torch.logspace(-2, 5, 400).double(), hippo.nplr("legs", N)[0].imag])
    rows = torch.eye(N, dtype=torch.float64)
    s = torch.complex(torch.zeros_like(omega), omega)
    exact = lti.transfer(A, B, rows, s)
    gap = (1 - t / 2) * lti.transfer(near, B, rows, s) - exact
    return float(torch.linalg.cond(V)), float((gap.norm(dim=1) / exact.norm(dim=1)).max())


def _system(N: int, seed: int) -> tuple[Tensor, Tensor]:
    seeded = torch.Generator().manual_seed(seed)
    A, B, C = (
        torch.randn(*shape, generator=seeded, dtype=torch.float64)
        for shape in ((N, N), (N,), (N,))
    )
    Lambda, V = torch.linalg.eig(A - 2 * torch.eye(N))
    return Lambda, (C.to(V) @ V) * torch.linalg.solve(V, B.to(V))
