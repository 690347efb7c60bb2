"""The exercises of chapter 07, DSS: each answer is checked against the library."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, kernels

PULSE_LENGTH, PULSE_LAG, PULSE_WIDTH = 256, 200, 10.0


def far(answer: Any) -> bool:
    """Lag at which a growing mode has 1/e of its largest weight: 999 - 1/(0.01 * 2) = 949."""
    return check.value(
        answer,
        949,
        {
            50: "so many steps lie between that lag and the largest weight; which lag is largest?",
            950: "the last lag is L - 1 = 999, not L",
            999: "there the weight is largest; go back until it is 1/e of that",
            899: "Δ Re λ is 0.02 per step, not 0.01",
        },
        tolerance=1e-4,
    )


def partners(answer: Any) -> bool:
    """C of S4D, with B = 1, that gives the kernel of DSS-exp with the weights W: W/2."""
    A, W, dt = _modes()
    if answer is None or answer is ...:
        return check.function(answer, _half, [(W,)])

    def kernel(W: Tensor) -> Tensor | None:
        C = answer(W)
        if C is None or C is ...:
            return None
        A_rows = A.expand_as(W)
        return kernels.diagonal(A_rows, torch.ones_like(W), C, dt, 50)

    def reference(W: Tensor) -> Tensor:
        return kernels.dss(A, W, dt, 50, "exp")

    return check.function(kernel, reference, [(W,), (1j * W,)], name="the kernel")


def softmax_rows(answer: Any) -> bool:
    """Rows exp(z l) / sum_j exp(z j) for z (N,), where exp(z l) itself may overflow: (N, L)."""

    def reference(z: Tensor, length: int) -> Tensor:
        lags = torch.arange(length, dtype=torch.float64)
        shifted = torch.where(
            (z.real > 0)[:, None], z[:, None] * (lags - (length - 1)), z[:, None] * lags
        )
        rows = torch.exp(shifted)
        return rows / rows.sum(-1, keepdim=True)

    z = torch.tensor([-0.3 + 1j, -0.01 + 0.5j, -2.0 + 0j], dtype=torch.complex128)
    cases = [(z, 6), (-z, 6), (z.conj() * -10, 1000), (torch.cat([z, -z]), 5000)]
    return check.function(answer, reference, cases)


def fixed_length(answer: Any) -> bool:
    """Weights with which DSS-exp has the kernel of DSS-softmax at one length: W / (exp(L dt A) - 1)."""
    A, W, dt = _modes()

    def reference(A: Tensor, W: Tensor, dt: Tensor, length: int) -> Tensor:
        return W / torch.expm1(length * dt[:, None] * A)

    return check.function(answer, reference, [(A, W, dt, 1), (A, W, dt, 40)])


def pulse(answer: Any) -> bool:
    """Eight z = dt lambda whose softmax rows, with the best weights, make a pulse 200 steps ago.

    Within 3 %: of evenly spaced decaying modes none comes nearer than 4 %.
    """
    if answer is None or answer is ...:
        return check.value(answer, 0)
    try:
        z = torch.as_tensor(answer).to(torch.complex128)
    except (TypeError, ValueError, RuntimeError):
        print(f"✗ Not yet: a tensor of 8 numbers is expected, got {type(answer).__name__}.")
        return False
    if z.shape != (8,):
        print(f"✗ Not yet: expected 8 numbers z, shape (8,), got shape {tuple(z.shape)}.")
        return False
    if bool((z == 0).any()):
        print("✗ Not yet: z = 0 has no 1/λ; take a small number instead.")
        return False
    error = pulse_error(z)
    where = f"{int((z.real > 0).sum())} of 8 modes grow"
    if not error < 0.03:
        print(f"✗ Not yet: the error is {error:.3f}, not below 0.03 ({where}).")
        return False
    print(f"✓ Right: the error is {error:.3f} ({where}).")
    return True


def pulse_error(z: Tensor) -> float:
    """Relative error of the best pulse that modes can make.

    Parameters
    ----------
    z : Tensor (N,), complex128
        dt lambda of each mode, not 0.

    Returns
    -------
    error : float
        |K - p| / |p| for p_l = exp(-((l - 200)/10)^2 / 2), l < 256, and the K nearest to it among the
        kernels of DSS-softmax with these modes and any weights.
    """
    one, step = torch.eye(len(z), dtype=torch.complex128), torch.ones(len(z)).double()
    rows = [kernels.dss(z, w * z * one, step, PULSE_LENGTH) for w in (1, 1j)]
    M = torch.cat(rows).T  # (L, 2N): real and imaginary part of each weight
    M = M / M.norm(dim=0).clamp_min(1e-30)
    lags = torch.arange(PULSE_LENGTH, dtype=torch.float64)
    p = torch.exp(-(((lags - PULSE_LAG) / PULSE_WIDTH) ** 2) / 2)
    w = torch.linalg.lstsq(M, p[:, None], driver="gelsd").solution
    return float(((M @ w)[:, 0] - p).norm() / p.norm())


def _modes() -> tuple[Tensor, Tensor, Tensor]:
    A = torch.tensor([-0.5 + 1j, -0.2 + 3j, 0.3 + 2j], dtype=torch.complex128)
    W = torch.tensor([[1 - 1j, 0.5j, 2.0], [0.3, -1j, 1 + 1j]], dtype=torch.complex128)
    return A, W, torch.tensor([0.1, 0.03], dtype=torch.float64)


def _half(W: Tensor) -> Tensor:
    return W / 2
