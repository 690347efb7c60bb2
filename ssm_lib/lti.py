"""Linear systems in continuous time: an example, and what their response says about their memory.

Symbol      Meaning                                            Unit for the mass on a spring
A, B, C     x'(t) = A x(t) + B u(t), y(t) = C x(t)             state: metres, metres per second
h(t)        impulse response C exp(t A) B                      metres per newton second
H(s)        transfer function C (s I - A)^-1 B                 metres per newton
lambda_n    eigenvalues of A: decay and pitch                  per second, radians per second

A system is (N, N), (N,), (N,); results are in the widest dtype of the arguments. D, which passes the
input straight through, is left out: it adds D to H, and an impulse of size D to h.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ssm_lib import discretize, kernels, validate


def spring(mass: float, damping: float, stiffness: float) -> tuple[Tensor, Tensor, Tensor]:
    """A mass on a spring with a damper: force (newton) in, position (metres) out.

    Parameters
    ----------
    mass
        m in kg, above 0.
    damping
        c in newton seconds per metre, at least 0.
    stiffness
        kappa in newtons per metre, at least 0.

    Returns
    -------
    A (2, 2), B (2,), C (2,), float64; the state is (position, velocity).

    Raises
    ------
    ValueError
        If a constant is out of its range, infinite or NaN.

    Equation: eq-msd
    """
    for name, value in {"damping": damping, "stiffness": stiffness}.items():
        if not 0 <= value < float("inf"):
            raise ValueError(f"{name} must be a finite number of at least 0, got {value}")
    if not 0 < mass < float("inf"):
        raise ValueError(f"mass must be a finite number above 0, got {mass}")
    A = torch.tensor(
        [[0.0, 1.0], [-stiffness / mass, -damping / mass]], dtype=torch.float64
    )
    return A, torch.tensor([0.0, 1 / mass]).to(A), torch.tensor([1.0, 0.0]).to(A)


def parallel(
    systems: Sequence[tuple[Tensor, Tensor, Tensor]],
) -> tuple[Tensor, Tensor, Tensor]:
    """Systems side by side: one input drives all, and their outputs are added.

    Parameters
    ----------
    systems
        Triples A (N_i, N_i), B (N_i,), C (N_i,), at least one.

    Returns
    -------
    A (N, N), B (N,), C (N,) with N the sum of the N_i.

    Raises
    ------
    ValueError
        If there is no system, or the shapes of one do not match.
    """
    if not systems:
        raise ValueError("expected at least one system (A, B, C), got none")
    As, Bs, Cs = zip(*(_system(*system) for system in systems), strict=True)
    return torch.block_diag(*As), torch.cat(Bs), torch.cat(Cs)


def shift_register(N: int) -> tuple[Tensor, Tensor]:
    """The sampled system whose state is the last N inputs: each step moves them on by one place.

    Parameters
    ----------
    N
        State size.

    Returns
    -------
    A_bar (N, N), B_bar (N,), float64; number n of the state is the input n steps ago.

    Raises
    ------
    TypeError, ValueError
        If N is not a positive int.
    """
    validate.positive_int("N", N)
    eye = torch.eye(N, dtype=torch.float64)
    return torch.diag(torch.ones(N - 1, dtype=torch.float64), -1), eye[0]


def impulse_response(A: Tensor, B: Tensor, C: Tensor, t: Tensor) -> Tensor:
    """h(t) = C exp(t A) B: the output t seconds after a unit impulse.

    Parameters
    ----------
    A : Tensor (N, N)
    B : Tensor (N,)
    C : Tensor (..., N)
        One row for each output; the identity for the responses of the state's own numbers.
    t : Tensor (T,)
        Times in seconds, at least 0.

    Returns
    -------
    h : Tensor (..., T)

    Raises
    ------
    ValueError
        If the shapes do not match.

    Equation: eq-impulse-response
    """
    A, B, C = _system(A, B, C)
    states = torch.linalg.matrix_exp(t.to(A)[:, None, None] * A) @ B  # (T, N)
    return C @ states.mT


def modes(A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues and weights, h(t) = sum_n w_n exp(lambda_n t), both halves of each conjugate pair.

    Parameters
    ----------
    A : Tensor (N, N)
    B, C : Tensor (N,)

    Returns
    -------
    Lambda, w : Tensor (N,), complex

    Raises
    ------
    ValueError
        If the shapes do not match, or A has no basis of eigenvectors to working precision: the weights
        of nearly equal eigenvalues then grow without bound and cancel. `impulse_response` still holds.

    Equation: eq-modes
    """
    A, B, C = _system(A, B, C)
    Lambda, V = torch.linalg.eig(A)
    condition = float(torch.linalg.cond(V))
    if not condition < 1e7:  # also refuses inf
        raise ValueError(
            "A has no basis of eigenvectors (it is defective or close to it): their matrix has "
            f"condition number {condition:.1e}; use impulse_response"
        )
    return Lambda, (C.to(V) @ V) * torch.linalg.solve(V, B.to(V))


def transfer(A: Tensor, B: Tensor, C: Tensor, s: Tensor) -> Tensor:
    """H(s) = C (s I - A)^-1 B: what an input e^(st) is multiplied by, once the past has faded.

    For a sampled system the factor at z = e^(s dt) is z times this function of A_bar, B_bar and z,
    because x_k has already seen u_k.

    Parameters
    ----------
    A : Tensor (N, N)
    B, C : Tensor (N,)
    s : Tensor (F,), complex
        Per second; i omega for the response to a sine of omega radians per second.

    Returns
    -------
    H : Tensor (F,), complex

    Raises
    ------
    ValueError
        If the shapes do not match.

    Equation: eq-transfer
    """
    A, B, C = _system(A, B, C)
    dtype = torch.promote_types(torch.promote_types(A.dtype, s.dtype), torch.complex64)
    eye = torch.eye(len(B), dtype=dtype, device=A.device)
    implicit = s.to(dtype)[:, None, None] * eye - A  # (F, N, N)
    return discretize.solve(implicit, B.to(dtype)[:, None])[..., 0] @ C.to(dtype)


def memory_capacity(
    A_bar: Tensor, B_bar: Tensor, length: int, noise: float = 0.0
) -> Tensor:
    """How much of the input j steps ago the state still tells, for a white input and the best readout.

    The share of the variance of u_{k-j} that a linear readout of x_k explains, between 0 and 1. Without
    noise the sum over all lags is the rank of the responses: at most N.

    Parameters
    ----------
    A_bar : Tensor (N, N), real
    B_bar : Tensor (N,), real
    length
        Number of lags L; the input is taken to be zero before.
    noise
        Standard deviation of the error in each number of the state, relative to that number's own.

    Returns
    -------
    capacity : Tensor (L,), float64, for the lags 0 .. L-1

    Raises
    ------
    TypeError, ValueError
        If length is not a positive int, noise is negative, or the shapes do not match.

    Equation: eq-capacity (Jaeger 2002)
    """
    if not noise >= 0:
        raise ValueError(f"noise must be at least 0, got {noise}")
    A_bar, B_bar, rows = _system(A_bar, B_bar, torch.eye(len(B_bar)).to(A_bar))
    R = kernels.krylov(A_bar.double(), B_bar.double(), rows.double(), length)  # (N, L)
    R = R / R.norm(dim=1, keepdim=True).clamp_min(torch.finfo(R.dtype).tiny)
    _, sizes, directions = torch.linalg.svd(R, full_matrices=False)
    if noise:
        kept = sizes**2 / (sizes**2 + noise**2)
    else:  # what rounding left of a direction that is not there is no memory
        kept = (sizes > sizes[0] * max(R.shape) * torch.finfo(R.dtype).eps).double()
    return kept @ directions**2


def _system(A: Tensor, B: Tensor, C: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The three in their widest dtype, after a check of their shapes."""
    if A.ndim != 2 or A.shape != (*B.shape, *B.shape) or C.shape[-1:] != B.shape:
        raise ValueError(
            "expected A (N, N), B (N,) and C (..., N), got "
            f"{tuple(A.shape)}, {tuple(B.shape)} and {tuple(C.shape)}"
        )
    dtype = torch.promote_types(torch.promote_types(A.dtype, B.dtype), C.dtype)
    return A.to(dtype), B.to(dtype), C.to(dtype)
