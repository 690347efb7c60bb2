"""From a differential equation to a recurrence: x' = A x + B u  ->  x_k = A_bar x_{k-1} + B_bar u_k.

The input is held over each step of length dt (seconds, > 0), and the current input is inside the
state: x_k has seen u_k. Results are computed in float64 if A or dt is, else in float32.

Every rule is one way to take the integral of A x over a step; see the chapter on discretization.
Equation: eq-step-integral
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate

METHODS = ("zoh", "bilinear", "euler", "backward_euler", "gbt")
_ALPHA = {"euler": 0.0, "bilinear": 0.5, "backward_euler": 1.0}


def dense(
    A: Tensor, B: Tensor, dt: Tensor | float, method: str, alpha: float | None = None
) -> tuple[Tensor, Tensor]:
    """Discretize a system with a dense state matrix.

    Parameters
    ----------
    A : Tensor (..., N, N)
    B : Tensor (..., N)
    dt : float or Tensor (...)
        Step in seconds.
    method
        ``"zoh"``, ``"bilinear"``, ``"euler"``, ``"backward_euler"``, or ``"gbt"`` with `alpha`.
    alpha
        The weight of the implicit part, in [0, 1], for ``"gbt"`` and only for it.

    Returns
    -------
    A_bar : Tensor (..., N, N)
    B_bar : Tensor (..., N)

    Raises
    ------
    ValueError
        Unknown method, `alpha` missing or where it does not belong, shapes that do not match.

    Equation: eq-zoh (Gu et al. 2022, S4D)
    Equation: eq-euler, eq-backward-euler, eq-gbt, eq-bilinear (Gu et al. 2021, LSSL, App. C.1.3)
    Equation: eq-sampled
    """
    alpha = _implicit_weight(method, alpha)
    N = A.shape[-1]
    if A.ndim < 2 or A.shape[-2] != N:
        raise ValueError(f"A must have shape (..., N, N), got {tuple(A.shape)}")
    if B.shape[-1:] != (N,):
        raise ValueError(f"B must have shape (..., N={N}), got {tuple(B.shape)}")
    dt = torch.as_tensor(dt, dtype=A.real.dtype, device=A.device)[..., None, None]
    B = B[..., None].to(A.dtype)  # (..., N, 1)
    if alpha is None:
        # exp of the block matrix [[A, B], [0, 0]] dt holds both factors: no inverse of A, any A.
        batch = validate.broadcast_shapes(A.shape[:-2], B.shape[:-2], dt.shape[:-2])
        top = torch.cat(
            [(dt * A).expand(*batch, N, N), (dt * B).expand(*batch, N, 1)], dim=-1
        )
        E = torch.linalg.matrix_exp(
            torch.nn.functional.pad(top, (0, 0, 0, 1))
        )  # (..., N+1, N+1)
        return E[..., :N, :N], E[..., :N, N]
    eye = torch.eye(N, dtype=A.dtype, device=A.device)
    implicit = eye - alpha * dt * A
    A_bar = solve(implicit, eye + (1 - alpha) * dt * A)
    B_bar = solve(implicit, dt * B)
    return A_bar, B_bar[..., 0]


def solve(A: Tensor, B: Tensor) -> Tensor:
    """Solve A X = B as `torch.linalg.solve` does, also where that goes wrong.

    After `torch.set_num_threads`, a batch of systems larger than 150 is solved on a CPU by several
    threads that disturb one another: MKL raises, or returns wrong numbers (PyTorch's issue 142815).
    So large systems are solved one at a time, each by all threads.

    Parameters
    ----------
    A : Tensor (..., N, N)
    B : Tensor (..., N, M), in the dtype of A; leading dimensions broadcast.

    Returns
    -------
    X : Tensor (..., N, M)
    """
    if A.ndim == 2 or A.shape[-1] <= 128 or A.device.type != "cpu" or not A.numel():
        return torch.linalg.solve(A, B)
    batch = validate.broadcast_shapes(A.shape[:-2], B.shape[:-2])
    A, B = (X.expand(*batch, *X.shape[-2:]).flatten(0, -3) for X in (A, B))
    return torch.stack([torch.linalg.solve(a, b) for a, b in zip(A, B)]).unflatten(0, batch)


def diagonal(
    A: Tensor, B: Tensor, dt: Tensor | float, method: str, alpha: float | None = None
) -> tuple[Tensor, Tensor]:
    """Discretize a system with a diagonal state matrix, mode by mode.

    Parameters
    ----------
    A : Tensor (..., N)
        The diagonal: eigenvalues lambda_n, real or complex.
    B : Tensor (..., N)
    dt : float or Tensor
        Step in seconds: a number; one step per system, of shape A.shape[:-1]; or one per mode, of a
        shape that broadcasts with A.
    method, alpha
        As in `dense`.

    Returns
    -------
    A_bar : Tensor (..., N). For zoh: exp(dt lambda).
    B_bar : Tensor (..., N). For zoh: (exp(dt lambda) - 1) / lambda B, exact also as lambda -> 0,
        where it tends to dt B.

    Raises
    ------
    ValueError
        Unknown method, `alpha` missing or where it does not belong, shapes that do not match.

    Equation: eq-zoh (Gu et al. 2022, S4D), eq-zoh-scalar
    Equation: eq-euler, eq-backward-euler, eq-gbt, eq-bilinear (Gu et al. 2021, LSSL, App. C.1.3)
    Equation: eq-gated (Gu et al. 2021, LSSL, Lemma 3.1)
    """
    alpha = _implicit_weight(method, alpha)
    z = per_mode(dt, A) * A  # dt lambda, dimensionless
    if alpha is None:
        return torch.exp(z), per_mode(dt, A) * expm1_ratio(z) * B
    implicit = 1 - alpha * z
    return (1 + (1 - alpha) * z) / implicit, per_mode(dt, A) / implicit * B


def angle(
    omega: Tensor, dt: Tensor | float, method: str, alpha: float | None = None
) -> Tensor:
    """Angle that an undamped mode, lambda = i omega, turns per step: the argument of its A_bar.

    For zoh it is omega dt less whole turns: beyond pi the mode is aliased. For bilinear it is
    2 arctan(omega dt / 2): never aliased, but warped. Both Euler rules give arctan(omega dt).

    Parameters
    ----------
    omega : Tensor (..., N), real
        Angular frequency, radians per second.
    dt, method, alpha
        As in `diagonal`.

    Returns
    -------
    Tensor (..., N), radians per step, in [-pi, pi].

    Raises
    ------
    ValueError
        As `diagonal`.

    Equation: eq-warping
    """
    A = torch.complex(torch.zeros_like(omega), omega)
    A_bar, _ = diagonal(A, torch.ones_like(A), dt, method, alpha)
    return A_bar.angle()


def discrete_log(
    A: Tensor, B: Tensor, dt: Tensor | float, method: str
) -> tuple[Tensor, Tensor]:
    """Logarithm of the discrete eigenvalues and the discrete input weights, in double precision.

    Parameters
    ----------
    A, B, dt, method
        As `diagonal`.

    Returns
    -------
    log_a : Tensor (..., N): dt A for zoh; else log(A_bar), always complex.
    B_bar : Tensor (..., N).

    Raises
    ------
    ValueError
        As `diagonal`.
    """
    A, B = to_double(A), to_double(B)
    A_bar, B_bar = diagonal(A, B, dt, method)
    if method == "zoh":
        return per_mode(dt, A) * A, B_bar
    A_bar = A_bar + 0j  # a negative A_bar has a complex logarithm
    vanished = (
        A_bar == 0
    )  # a mode that dies in one step: its logarithm is stood in for by -708
    return torch.log(torch.where(vanished, torch.finfo(torch.float64).tiny, A_bar)), B_bar


def per_mode(dt: Tensor | float, A: Tensor) -> Tensor:
    """dt with a dimension for the modes of A: (...) -> (..., 1) if it has one step per system."""
    dt = torch.as_tensor(dt, dtype=A.real.dtype, device=A.device)
    if 0 < dt.ndim == A.ndim - 1:
        dt = dt[..., None]
    try:
        validate.broadcast_shapes(dt.shape, A.shape)
    except ValueError:
        raise ValueError(
            f"dt must be a number, one step per system {tuple(A.shape[:-1])} or one per mode "
            f"{tuple(A.shape)}, got shape {tuple(dt.shape)}"
        ) from None
    return dt


def expm1_ratio(z: Tensor) -> Tensor:
    """(exp(z) - 1) / z, exact to rounding also near 0; z real or complex.

    At z = 0 its value is 1 and its derivative 1/2.

    Near zero the quotient loses digits (its gradient even more), so |z| < 1/2 takes the series
    sum_k z^k / (k + 1)!, whose remainder is below 1e-17 after 14 terms.

    Equation: eq-zoh-scalar
    """
    small = z.abs() < 0.5
    series_z = torch.where(small, z, 0)
    series = torch.ones_like(z)
    for k in range(14, 0, -1):
        series = 1 + series_z / (k + 1) * series
    quotient_z = torch.where(small, 1, z)
    return torch.where(small, series, (torch.exp(quotient_z) - 1) / quotient_z)


def to_double(x: Tensor) -> Tensor:
    """x in float64 or complex128."""
    return x.to(torch.complex128 if x.is_complex() else torch.float64)


def to_single(x: Tensor) -> Tensor:
    """x in float32 or complex64."""
    return x.to(torch.complex64 if x.is_complex() else torch.float32)


def _implicit_weight(method: str, alpha: float | None) -> float | None:
    """The alpha of the generalized bilinear transform, None for zoh."""
    validate.one_of("method", method, METHODS)
    if method == "gbt":
        if alpha is None or not 0 <= alpha <= 1:
            raise ValueError(f"method 'gbt' needs alpha in [0, 1], got {alpha!r}")
        return float(alpha)
    if alpha is not None:
        raise ValueError(f"alpha={alpha!r} belongs to method 'gbt', got method {method!r}")
    return _ALPHA.get(method)
