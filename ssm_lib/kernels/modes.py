"""Kernels of diagonal systems: S4D, DSS and DLR.

What differs between them is the weights; the sum over the modes is `ssm_lib.kernels.vandermonde`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import discretize, validate
from ssm_lib.discretize import to_double, to_single
from ssm_lib.kernels.products import real_dtype, vandermonde


def diagonal(
    A: Tensor, B: Tensor, C: Tensor, dt: Tensor, length: int, method: str = "zoh"
) -> Tensor:
    """Kernel of a diagonal state space model: 2 Re sum_n C_n B_bar_n A_bar_n^l.

    Parameters
    ----------
    A : Tensor (H, M), complex, one eigenvalue of each conjugate pair (M = N/2), or real (M = N).
    B, C : Tensor (H, M)
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

    Equation: eq-s4d-kernel, eq-s4d-weights (Gu et al. 2022, S4D)
    """
    wide = torch.float64 in (real_dtype(A), real_dtype(B), real_dtype(C))
    log_a, B_bar = discretize.discrete_log(A, B, dt, method)
    w = 2 * C * B_bar
    return vandermonde(log_a, w if wide else to_single(w), length)


def dss(A: Tensor, W: Tensor, dt: Tensor, length: int, variant: str = "softmax") -> Tensor:
    """Kernels of DSS: Re sum_n over all N modes, without a factor 2 (no conjugate partners).

    The softmax is computed in a form that does not overflow.

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

    Equation: eq-dss-exp, eq-dss-softmax, eq-stable-softmax (Gupta et al. 2022, DSS)
    """
    validate.one_of("variant", variant, ("softmax", "exp"))
    validate.positive_int("length", length)
    wide = torch.float64 in (real_dtype(A), real_dtype(W))
    A, W = to_double(A), to_double(W)
    z = discretize.per_mode(dt, W) * A  # (H, N)
    if variant == "exp":
        w = W * discretize.per_mode(dt, W) * discretize.expm1_ratio(z)
        return vandermonde(z, w if wide else to_single(w), length)
    # A growing mode is normalized by its last value: read it backwards, as a decaying one.
    grows = z.real > 0
    decay = torch.where(grows, -z, z)
    ratio = discretize.expm1_ratio  # sum_j exp(decay j) = L ratio(L decay) / ratio(decay)
    w = W / A * ratio(decay) / (length * ratio(length * decay))
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

    Equation: eq-dlr (Gupta et al. 2022, DLR)
    """
    return vandermonde(log_a, W, length)
