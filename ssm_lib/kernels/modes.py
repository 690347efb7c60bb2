"""Kernels of diagonal systems, as matrix products.

The printed formulas (`ssm_lib.oracles`) raise every eigenvalue to every power: H*N*L exponentials, and
a phase that float32 cannot hold at large l. Here l = q b + r splits exp(a l) = exp(a b q) exp(a r), so
a kernel of length L is one real matrix product (Q x 2N)(2N x b) with Q, b about sqrt(L); exponents are
formed in float64, the product in the dtype of the weights.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssm_lib import discretize, validate
from ssm_lib.discretize import to_double, to_single


def vandermonde(log_a: Tensor, w: Tensor, length: int) -> Tensor:
    """Re sum_n w_n exp(log_a_n l): weights times a Vandermonde matrix, l = 0 .. length-1.

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex. Logarithms of the multipliers (dt lambda for zoh), radians.
    w : Tensor (..., N), real or complex; its leading dimensions broadcast with those of log_a.
    length
        Number of samples L, at least 1.

    Returns
    -------
    K : Tensor (..., L), real, in the precision of w (float64 for float64 / complex128, else float32).

    Raises
    ------
    TypeError, ValueError
        If length is not a positive int, or the last dimensions differ.

    Equation: eq-vandermonde (Gu et al. 2022, S4D)
    """
    validate.positive_int("length", length)
    _same_modes(log_a, w)
    rows, columns = powers(log_a, length, _real_dtype(w))  # (Q, N), (b, N)
    w = w.to(columns.dtype) if w.is_complex() == columns.is_complex() else w
    columns = columns * w[..., None, :]
    if rows.is_complex():
        rows = torch.cat([rows.real, -rows.imag], dim=-1)  # Re xy = Re x Re y - Im x Im y
    if columns.is_complex():
        columns = torch.cat([columns.real, columns.imag], dim=-1)
    with torch.autocast(w.device.type, enabled=False):
        K = rows @ columns.transpose(-1, -2)  # (Q, 2N) (2N, b) -> (Q, b)
    return K.flatten(-2)[..., :length]


def vandermonde_transpose(log_a: Tensor, u: Tensor) -> Tensor:
    """A Vandermonde matrix times a sequence: sum_l exp(log_a_n (L-1-l)) u_l, the state that u leaves.

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex.
    u : Tensor (..., L), real; its leading dimensions broadcast with those of log_a.

    Returns
    -------
    x : Tensor (..., N), real or complex as log_a, in the precision of u.

    Raises
    ------
    ValueError
        If u is empty.
    """
    L = u.shape[-1]
    if L == 0:
        raise ValueError(f"u must have at least one step, got shape {tuple(u.shape)}")
    rows, columns = powers(log_a, L, _real_dtype(u))  # (..., Q, N), (..., b, N)
    Q, b = rows.shape[-2], columns.shape[-2]
    blocks = torch.nn.functional.pad(u.flip(-1), (0, Q * b - L)).unflatten(-1, (Q, b))
    blocks = blocks.to(_real_dtype(u))
    with torch.autocast(u.device.type, enabled=False):
        if columns.is_complex():
            inner = torch.complex(blocks @ columns.real, blocks @ columns.imag)
        else:
            inner = blocks @ columns  # (..., Q, b) (..., b, N) -> (..., Q, N)
    return (rows * inner).sum(-2)


def diagonal(
    A: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int, method: str = "zoh"
) -> Tensor:
    """Kernel of a diagonal state space model: 2 Re sum_n C_n B_bar_n A_bar_n^l.

    Parameters
    ----------
    A : Tensor (H, N), complex (one eigenvalue of each conjugate pair) or real.
    B, C : Tensor (H, N)
    dt : Tensor (H,)
        Step in seconds.
    length
        Number of samples L.
    method
        A method of `ssm_lib.discretize.diagonal`.

    Returns
    -------
    K : Tensor (H, L), real; float64 if one of A, B, C is float64 / complex128, else float32.

    Raises
    ------
    TypeError, ValueError
        As `vandermonde` and `ssm_lib.discretize.diagonal`.

    Equation: eq-s4d-kernel (Gu et al. 2022, S4D)
    """
    wide = torch.float64 in (_real_dtype(A), _real_dtype(B), _real_dtype(C))
    log_a, B_bar = discretize.discrete_log(A, B, dt, method)
    w = 2 * C * B_bar
    return vandermonde(log_a, w if wide else to_single(w), length)


def dss(A: Tensor, W: Tensor, dt: Tensor, length: int, variant: str = "softmax") -> Tensor:
    """Kernels of DSS: Re sum_n over all N modes, without a factor 2 (no conjugate partners).

    Parameters
    ----------
    A : Tensor (N,) or (H, N), complex. lambda_n; for ``"softmax"`` its real part may be positive.
    W : Tensor (H, N), complex. Weights, B and C in one.
    dt : Tensor (H,)
        Step in seconds.
    length
        Number of samples L. The ``"softmax"`` kernel as a whole depends on it.
    variant
        ``"exp"``: W_n (exp(dt lambda_n) - 1) / lambda_n exp(dt lambda_n l), the zero-order hold.
        ``"softmax"``: W_n / lambda_n exp(dt lambda_n l) / sum_j exp(dt lambda_n j), j < L.

    Returns
    -------
    K : Tensor (H, L), real; float64 if A or W is complex128, else float32.

    Raises
    ------
    TypeError, ValueError
        As `vandermonde`; if the variant is unknown.

    The softmax is computed in a form that does not overflow.

    Equation: eq-dss-exp, eq-dss-softmax, eq-stable-softmax (Gupta et al. 2022, DSS)
    """
    validate.one_of("variant", variant, ("softmax", "exp"))
    validate.positive_int("length", length)
    wide = torch.float64 in (_real_dtype(A), _real_dtype(W))
    A, W = to_double(A), to_double(W)
    z = discretize.per_mode(dt, W) * A  # (H, N)
    if variant == "exp":
        w = W * discretize.per_mode(dt, W) * discretize.expm1_ratio(z)
        return vandermonde(z, w if wide else to_single(w), length)
    # A growing mode is normalized by its last value: read it backwards, as a decaying one.
    grows = z.real > 0
    decay = torch.where(grows, -z, z)
    total = length * discretize.expm1_ratio(
        length * decay
    )  # sum_j exp(decay j), times the next
    w = W / A * discretize.expm1_ratio(decay) / total
    w = w if wide else to_single(w)
    forwards = vandermonde(decay, torch.where(grows, 0, w), length)
    return forwards + vandermonde(decay, torch.where(grows, w, 0), length).flip(-1)


def dlr(log_a: Tensor, W: Tensor, length: int) -> Tensor:
    """Kernels of DLR: Re sum_n W_n exp(log_a_n l), over all N modes, which the channels share.

    Parameters
    ----------
    log_a : Tensor (N,), complex. Logarithms of the diagonal transition, real parts <= 0.
    W : Tensor (H, N), complex. Output weights.
    length
        Number of samples L.

    Returns
    -------
    K : Tensor (H, L), real; float64 if W is complex128, else float32.

    Raises
    ------
    TypeError, ValueError
        As `vandermonde`.

    Source: Gupta et al. 2022, DLR.
    """
    return vandermonde(log_a, W, length)


def powers(log_a: Tensor, length: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Both factors of exp(log_a l) at l = q b + r, with b about sqrt(length).

    Parameters
    ----------
    log_a : Tensor (..., N), real or complex.
    length
        Number of samples L.
    dtype
        torch.float32 or torch.float64: the precision of the result. Exponents are always in float64.

    Returns
    -------
    rows : Tensor (..., Q, N), exp(log_a b q) for q = 0 .. Q-1
    columns : Tensor (..., b, N), exp(log_a r) for r = 0 .. b-1; Q b >= L.
    """
    b = math.isqrt(length - 1) + 1
    Q = -(-length // b)
    log_a = to_double(log_a)[..., None, :]
    steps = torch.arange(max(b, Q), dtype=torch.float64, device=log_a.device)
    rows = torch.exp(log_a * (b * steps[:Q, None]))
    columns = torch.exp(log_a * steps[:b, None])
    if dtype == torch.float32:
        rows, columns = to_single(rows), to_single(columns)
    return rows, columns


def _real_dtype(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype in (torch.float64, torch.complex128) else torch.float32


def _same_modes(log_a: Tensor, w: Tensor) -> None:
    if log_a.shape[-1:] != w.shape[-1:]:
        raise ValueError(
            f"log_a {tuple(log_a.shape)} and w {tuple(w.shape)} must have the same number of modes N "
            "in their last dimension"
        )
