"""The exercises of chapter 11, DLR: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ssm_lib import check, kernels

ECHO_LAG, ECHO_LENGTH, ECHO_MODES = 12, 64, 7


def smallest(answer: Any) -> bool:
    """Modes that any kernel of 100 steps needs, if their phases are free: 100 numbers, two a mode."""
    return check.value(
        answer,
        50,
        {
            100: "so many roots of unity are needed; but half of them say what their partners say",
            51: "so many roots of unity lie in the upper half, ±1 with them; these two have one real "
            "function each. Other phases waste nothing",
            200: "a mode brings two real functions of l, not half of one",
        },
    )


def echo_weights(answer: Any) -> bool:
    """Weights that make N roots of unity an echo at lag s: exp(-2 pi i n s/N)/N."""
    if answer is None or answer is ...:
        return check.function(answer, _one_echo, [(1, 2)])

    def kernel(s: int, N: int) -> Tensor | None:
        w = answer(s, N)
        if w is None or w is ...:
            return None
        w = torch.as_tensor(w)
        if w.shape != (N,):
            raise ValueError(f"expected weights of shape ({N},), got {tuple(w.shape)}")
        return kernels.dlr(_roots(N), w.to(torch.complex128)[None], N)[0]

    return check.function(
        kernel, _one_echo, [(0, 4), (1, 4), (12, 48), (6, 7)], name="the kernel"
    )


def phases(answer: Any) -> bool:
    """Lambda of DLR with the same kernel at whole lags, and the slowest curve between them."""
    if answer is None or answer is ...:
        return check.function(answer, lambda x: x, [])
    n = torch.arange(8, dtype=torch.float64)
    Lambda = torch.complex(torch.full_like(n, -0.02), 2 * math.pi * n / 8)
    try:
        found = answer(Lambda)
    except Exception as error:  # whatever the reader's code raises is told, not thrown
        print(f"✗ Not yet: it raised {type(error).__name__}: {error}.")
        return False
    if found is None or found is ...:
        return check.function(answer, lambda x: x, [(Lambda,)])
    if not isinstance(found, Tensor) or found.shape != Lambda.shape:
        got = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
        print(f"✗ Not yet: expected 8 complex numbers, shape (8,), got {got}.")
        return False
    found = found.to(Lambda.dtype)
    seeded = torch.Generator().manual_seed(0)
    W = torch.randn(1, 8, generator=seeded, dtype=torch.complex128)
    old, new = kernels.dlr(Lambda, W, 40), kernels.dlr(found, W, 40)
    gap = float((old - new).abs().max() / old.abs().max())
    if not gap < 1e-9:
        print(f"✗ Not yet: at whole lags the kernel changes by {gap:.1e} of its size.")
        return False
    before, after = roughness(Lambda, W), roughness(found, W)
    best = torch.complex(Lambda.real, torch.remainder(Lambda.imag + 3, 2 * math.pi) - 3)
    if not after < 1.001 * roughness(best, W):
        print(
            f"✗ Not yet: roughness {before:.2f} before, {after:.2f} now; less is possible."
        )
        return False
    print(
        f"✓ Right: same kernel at whole lags; roughness {before:.2f} before, {after:.2f} now."
    )
    return True


def product(answer: Any) -> bool:
    """(log_a, w) of the N^2 modes whose real kernel is Re(k) Im(k): all sums, weights -i w_m w_n/2."""
    log_a = torch.tensor([-0.1 + 1j, -0.02 + 2.5j, -0.3 + 0j], dtype=torch.complex128)
    w = torch.tensor([1 - 1j, 0.5j, 2.0], dtype=torch.complex128)
    if answer is None or answer is ...:
        return check.function(answer, _product_kernel, [(log_a, w)])

    def kernel(log_a: Tensor, w: Tensor) -> Tensor | None:
        found = answer(log_a, w)
        if found is None or found is ...:
            return None
        sums, weights = found
        return kernels.dlr(sums.flatten(), weights.flatten()[None], 40)[0]

    cases = [(log_a, w), (log_a[:2], 1j * w[:2])]
    return check.function(kernel, _product_kernel, cases, name="the kernel")


def told(answer: Any) -> bool:
    """Largest R^2 of an LTI system for a shift that is one of 8, each as likely: 1/8."""
    return check.value(
        answer,
        1 / 8,
        {
            1: "that system would have to know which of the 8 it is",
            7 / 8: "that is the share of the variance that is left, not the one explained",
            1 / 64: "each of the 8 lags explains so much; add them up",
            0: "a kernel of 1/8 at each of the 8 lags is better than nothing",
        },
    )


def echo(answer: Any) -> bool:
    """At most seven modes that, with the best weights, make one echo at lag 12 in 64 steps."""
    if answer is None or answer is ...:
        return check.value(answer, 0)
    try:
        log_a = torch.as_tensor(answer).to(torch.complex128)
    except (TypeError, ValueError, RuntimeError):
        print(f"✗ Not yet: a tensor of λ is expected, got {type(answer).__name__}.")
        return False
    if log_a.ndim != 1 or not 1 <= len(log_a) <= ECHO_MODES:
        print(f"✗ Not yet: expected (N,) with N at most 7, got shape {tuple(log_a.shape)}.")
        return False
    if bool((log_a.real > 0).any()):
        print("✗ Not yet: Re λ must not be positive; DLR has no mode that grows.")
        return False
    error = echo_error(log_a)
    if not error < 0.05:
        print(f"✗ Not yet: the error is {error:.3f}, not below 0.05.")
        return False
    print(f"✓ Right: the error is {error:.3f} with {len(log_a)} modes.")
    return True


def echo_error(log_a: Tensor) -> float:
    """Distance of the best kernel of these modes from one echo at lag 12, among 64 steps.

    Parameters
    ----------
    log_a : Tensor (N,), complex128

    Returns
    -------
    error : float
        0 is an echo, 1 is what silence has.
    """
    one = torch.eye(len(log_a), dtype=torch.complex128)
    rows = [kernels.dlr(log_a, w * one, ECHO_LENGTH) for w in (1, 1j)]
    M = torch.cat(rows).T  # (L, 2N): real and imaginary part of each weight
    M = M / M.norm(dim=0).clamp_min(1e-30)
    target = torch.zeros(ECHO_LENGTH, dtype=torch.float64)
    target[ECHO_LAG] = 1
    w = torch.linalg.lstsq(M, target[:, None], driver="gelsd").solution
    return float(((M @ w)[:, 0] - target).norm())


def roughness(Lambda: Tensor, W: Tensor) -> float:
    """Root mean square slope of the curve through a kernel of DLR, over that of the differences at whole lags.

    Parameters
    ----------
    Lambda : Tensor (N,), complex128
    W : Tensor (1, N), complex128
    """
    fine = 20
    curve = kernels.dlr(Lambda / fine, W, 40 * fine)[0]
    slope, whole = torch.diff(curve) * fine, torch.diff(curve[::fine])
    return float(slope.square().mean().sqrt() / whole.square().mean().sqrt())


def _roots(N: int) -> Tensor:
    return 2j * math.pi * torch.arange(N, dtype=torch.float64) / N


def _one_echo(s: int, N: int) -> Tensor:
    return torch.eye(N, dtype=torch.float64)[s]


def _product_kernel(log_a: Tensor, w: Tensor) -> Tensor:
    real, imag = kernels.dlr(log_a, torch.stack([w, -1j * w]), 40)
    return real * imag
