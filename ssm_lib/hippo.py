"""HiPPO: the state matrices that remember the past, and their unitary diagonalization.

Symbol      Meaning                                            Source
A, B        x'(t) = A x(t) + B u(t)                            Gu et al. 2020
P           low-rank factor: A + P^T P is normal               Gu et al. 2022 (S4), App. C.1
Lambda, V   A + P^T P = V diag(Lambda) V*, V unitary           Gu et al. 2022 (S4), Theorem 1

Everything is computed and returned in float64 / complex128: the eigenvalues of LegS reach N^2/pi.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate

MEASURES = ("legs",)


def transition(measure: str, N: int) -> tuple[Tensor, Tensor]:
    """State matrix and input matrix of a HiPPO system, x'(t) = A x(t) + B u(t).

    Parameters
    ----------
    measure
        ``"legs"``: scaled Legendre. As used from LSSL on, without the factor 1/t: its impulse
        responses are exponentially warped Legendre polynomials,
        (e^{tA} B)_n = sqrt(2n+1) e^{-t} P_n(2 e^{-t} - 1).
    N
        State size, at least 1.

    Returns
    -------
    A : Tensor (N, N), float64. Signed: its eigenvalues have negative real part.
    B : Tensor (N,), float64.

    Raises
    ------
    ValueError, TypeError
        If the measure is unknown or N is not a positive int.

    Equation: eq-legs (Gu et al. 2022, S4, Section 2.2)
    """
    validate.one_of("measure", measure, MEASURES)
    validate.positive_int("N", N)
    root = torch.sqrt(2 * torch.arange(N, dtype=torch.float64) + 1)  # (N,)
    A = -torch.tril(torch.outer(root, root), diagonal=-1)  # below the diagonal
    A = A - torch.diag(torch.arange(1, N + 1, dtype=torch.float64))  # on it: -(n + 1)
    return A, root


def low_rank(measure: str, N: int) -> Tensor:
    """The factor P that makes a HiPPO matrix normal: A + P^T P = c I + (skew-symmetric).

    Returns
    -------
    P : Tensor (r, N), float64; r = 1 for ``"legs"``, P_n = sqrt(n + 1/2).

    Raises
    ------
    ValueError, TypeError
        If the measure is unknown or N is not a positive int.
    """
    validate.one_of("measure", measure, MEASURES)
    validate.positive_int("N", N)
    return torch.sqrt(torch.arange(N, dtype=torch.float64) + 0.5)[None]  # (1, N)


def nplr(measure: str, N: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Normal plus low-rank form of a HiPPO matrix, in the eigenbasis of its normal part.

    A + P^T P is normal, so a unitary V diagonalizes it without loss of accuracy. (A itself must not
    be diagonalized: its eigenvectors have condition number 8e10 at N = 16.) One eigenvalue of each
    conjugate pair is kept, the one with positive imaginary part, in ascending order; the phases of V
    are fixed so that V* B is real and positive, which makes the result independent of LAPACK.

    Parameters
    ----------
    measure
        ``"legs"``.
    N
        State size, even.

    Returns
    -------
    Lambda : Tensor (N/2,), complex128, positive imaginary part, ascending.
    P : Tensor (r, N/2), complex128: V* P.
    B : Tensor (N/2,), complex128: V* B (real and positive).
    V : Tensor (N, N/2), complex128: orthonormal columns; the other half of the basis is conj(V).

    Raises
    ------
    ValueError, TypeError
        If the measure is unknown, or N is not a positive even int.

    Source: Gu et al. 2022, S4, Theorem 1.
    """
    validate.one_of("measure", measure, MEASURES)
    validate.positive_int("N", N, even=True)
    A, B = transition(measure, N)
    P = low_rank(measure, N)
    normal = A + P.T @ P
    real = normal.diagonal().mean()  # -1/2 for LegS: normal = real * I + skew
    skew = (normal - normal.T) / 2
    imag, V = torch.linalg.eigh(-1j * skew)  # Hermitian, so eigh: exact and ascending
    imag, V = imag[N // 2 :], V[:, N // 2 :]  # (N/2,), (N, N/2)
    B_eig = V.mH @ B.to(V.dtype)
    V = V * (B_eig / B_eig.abs())
    Lambda = torch.complex(real.expand_as(imag).contiguous(), imag)
    return Lambda, P.to(V.dtype) @ V.conj(), V.mH @ B.to(V.dtype), V
