"""The state matrices that remember the past, and their unitary diagonalization.

Symbol      Meaning                                            Source
A, B        x'(t) = A x(t) + B u(t)                            Gu et al. 2020
P           low-rank factor: A + P^T P is normal               Gu et al. 2022 (S4), App. C.1
Lambda, V   A + P^T P = V diag(Lambda) V*, V unitary           Gu et al. 2022 (S4), Theorem 1

Everything is computed and returned in float64 / complex128: the eigenvalues of LegS reach N^2/pi.
The windows of legt and fourier are [0, 1] seconds; scale A and B by 1/theta for a window of theta.
(The originals' code halves both matrices, which makes the window [0, 2].)
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssm_lib import validate

MEASURES = ("legs", "legt", "lagt", "fourier")


def transition(measure: str, N: int) -> tuple[Tensor, Tensor]:
    """State matrix and input matrix of a HiPPO system, x'(t) = A x(t) + B u(t).

    The impulse responses (e^{tA} B)_n are the basis that the measure is named after:

    - ``"legs"`` (scaled Legendre, without the factor 1/t as used from LSSL on):
      sqrt(2n+1) e^{-t} P_n(2 e^{-t} - 1), exactly;
    - ``"legt"`` (translated Legendre): sqrt(2n+1) (-1)^n P_n(2t - 1) on [0, 1] and about 0 after;
    - ``"lagt"`` (translated Laguerre): e^{-t/2} L_n(t), exactly;
    - ``"fourier"``: 1, then pairs sqrt(2) cos(2 pi k t), sqrt(2) sin(2 pi k t) on [0, 1] and about 0
      after. State 1 would be the sine of frequency 0 and is always 0.

    Parameters
    ----------
    measure
        ``"legs"``, ``"legt"``, ``"lagt"`` or ``"fourier"``.
    N
        State size, at least 1; even for ``"fourier"``.

    Returns
    -------
    A : Tensor (N, N), float64. Signed: its eigenvalues have negative real part (one of fourier is 0).
    B : Tensor (N,), float64.

    Raises
    ------
    ValueError, TypeError
        If the measure is unknown or N is not a positive (even) int.

    Equation: eq-legs (Gu et al. 2022, S4, Section 2.2), eq-legs-ode (Gu et al. 2020, HiPPO),
        eq-warped-legendre (Gu et al. 2023, HTTYH)
    Equation: eq-legt-boundary, eq-legt (Gu et al. 2020, HiPPO)
    Equation: eq-lagt (the code of Gu et al. 2022, S4; HiPPO's own has the diagonal -1)
    Equation: eq-fourier (Gu et al. 2023, HTTYH)
    """
    validate.one_of("measure", measure, MEASURES)
    validate.positive_int("N", N, even=measure == "fourier")
    n = torch.arange(N, dtype=torch.float64)
    root = torch.sqrt(2 * n + 1)  # (N,)
    outer = torch.outer(root, root)
    if measure == "legs":
        return -torch.tril(outer, diagonal=-1) - torch.diag(n + 1), root
    if measure == "legt":
        sign = 1 - 2 * ((n[:, None] - n) % 2)  # (-1)^(n-k)
        return -torch.where(n[:, None] >= n, outer, sign * outer), root
    if measure == "lagt":
        return torch.eye(N, dtype=torch.float64) / 2 - torch.ones_like(
            outer
        ).tril(), torch.ones_like(n)
    even = n % 2 == 0
    B = 2 * math.sqrt(2) * even.double()
    B[0] = 2
    turn = torch.diag((math.pi * n * even)[:-1], diagonal=-1)  # 2 pi k below the diagonal
    return turn - turn.T - torch.outer(B, B) / 2, B


def low_rank(measure: str, N: int) -> Tensor:
    """The factor P that makes a HiPPO matrix normal: A + P^T P = c I + (skew-symmetric).

    Parameters
    ----------
    measure, N
        As `transition`.

    Returns
    -------
    P : Tensor (r, N), float64. Rank r = 1, but 2 for ``"legt"``: sqrt(2n+1) on the odd n and on the
        even n. legs: sqrt(n + 1/2); lagt: sqrt(1/2); fourier: B / sqrt(2).

    Raises
    ------
    ValueError, TypeError
        As `transition`.

    Equation: eq-nplr, eq-ends (Gu et al. 2022, S4, Theorem 1 and App. C.1)
    """
    _, B = transition(measure, N)
    if measure == "legt":
        odd = torch.arange(N) % 2 == 1
        return torch.stack([torch.where(odd, B, 0.0), torch.where(odd, 0.0, B)])
    return B[None] / math.sqrt(2)


def nplr(measure: str, N: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normal plus low-rank form of a HiPPO matrix, in the eigenbasis of its normal part.

    A + P^T P is normal, so a unitary V diagonalizes it without loss of accuracy. (A itself must not
    be diagonalized: its eigenvectors have condition number 8e10 at N = 16.) One eigenvalue of each
    conjugate pair is kept, the one with positive imaginary part, in ascending order; the phases of V
    are fixed so that V* B is real and positive, which makes the result independent of LAPACK.

    Parameters
    ----------
    measure
        As `transition`.
    N
        State size, even.

    Returns
    -------
    Lambda : Tensor (N/2,), complex128, positive imaginary part, ascending. (fourier has a double
        eigenvalue 0, of which one is kept, and real part 0 throughout.)
    P : Tensor (r, N/2), complex128: V* P.
    B : Tensor (N/2,), complex128: V* B (real and positive).
    V : Tensor (N, N/2), complex128: orthonormal columns; the other half of the basis is conj(V).

    Raises
    ------
    ValueError, TypeError
        If the measure is unknown, or N is not a positive even int.

    Equation: eq-nplr (Gu et al. 2022, S4, Theorem 1)
    """
    validate.positive_int("N", N, even=True)
    A, B = transition(measure, N)
    P = low_rank(measure, N)
    normal = A + P.T @ P
    real = normal.diagonal().mean()  # normal = real * I + skew
    if (
        measure == "fourier"
    ):  # already in blocks of two; an eigensolver would mix the double 0
        imag = 2 * math.pi * torch.arange(N // 2, dtype=torch.float64)
        V = torch.zeros(N, N // 2, dtype=torch.complex128)
        V[::2] = math.sqrt(0.5) * torch.eye(N // 2, dtype=V.dtype)
        V[1::2] = -1j * V[::2]
    else:
        imag, V = torch.linalg.eigh(
            -0.5j * (normal - normal.T)
        )  # Hermitian: exact and ascending
        imag, V = imag[N // 2 :], V[:, N // 2 :]  # (N/2,), (N, N/2)
    B_eig = V.mH @ B.to(V.dtype)
    V = V * (B_eig / B_eig.abs())
    Lambda = torch.complex(real.expand_as(imag).contiguous(), imag)
    return Lambda, P.to(V.dtype) @ V.conj(), V.mH @ B.to(V.dtype), V


def initial_dt(
    shape: tuple[int, ...], dt_min: float = 0.001, dt_max: float = 0.1
) -> Tensor:
    """Steps to start from, log-uniform in [dt_min, dt_max] seconds: memories of 1/dt samples.

    Raises
    ------
    TypeError, ValueError
        If not 0 < dt_min <= dt_max, finite numbers.

    Equation: eq-dt-range (Gu et al. 2021, LSSL, App. B.3)
    """
    validate.positive("dt_min", dt_min)
    validate.positive("dt_max", dt_max)
    if dt_min > dt_max:
        raise ValueError(
            f"expected 0 < dt_min <= dt_max, got dt_min={dt_min}, dt_max={dt_max}"
        )
    low, high = math.log(dt_min), math.log(dt_max)
    return torch.exp(torch.empty(shape).uniform_(low, high)).clamp(dt_min, dt_max)
