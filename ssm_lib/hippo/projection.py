"""What a HiPPO state says of the past: bases, online projection, reconstruction."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ssm_lib import discretize, validate
from ssm_lib.hippo.matrices import MEASURES, transition


def basis(measure: str, N: int, t: Tensor) -> Tensor:
    """The functions in which a HiPPO state describes the past, at ages t.

    The input of t seconds ago is about sum_n x_n basis_n(t), for a state x of the system of
    `transition`. LegS without its factor 1/t has exponentially warped polynomials; with it (`project`
    without dt) the same functions hold with age measured in logarithmic time, t = log(now / then).

    Parameters
    ----------
    measure, N
        As `transition`.
    t : Tensor (L,)
        Ages in seconds, at least 0.

    Returns
    -------
    Tensor (L, N), float64: legs sqrt(2n+1) P_n(2 e^{-t} - 1); legt sqrt(2n+1) P_n(1 - 2t) and fourier
        1, 0, then sqrt(2) cos(2 pi k t), sqrt(2) sin(2 pi k t), both 0 beyond t = 1; lagt
        e^{-t/2} L_n(t).

    Raises
    ------
    ValueError, TypeError
        As `transition`, and if an age is negative.

    Equation: eq-legendre-basis (Gu et al. 2020, HiPPO), eq-warped-legendre (Gu et al. 2023, HTTYH)
    Equation: eq-window (Gu et al. 2023, HTTYH)
    """
    validate.one_of("measure", measure, MEASURES)
    validate.positive_int("N", N, even=measure == "fourier")
    t = torch.as_tensor(t, dtype=torch.float64)
    if t.ndim != 1 or bool((t < 0).any()):
        raise ValueError(f"t must have shape (L,) and hold ages >= 0, got {tuple(t.shape)}")
    inside = ((t <= 1) if measure in ("legt", "fourier") else (t >= 0))[:, None]
    if measure == "fourier":
        k = torch.arange(N // 2, dtype=torch.float64)
        angle = 2 * math.pi * k * t[:, None]  # (L, N/2)
        pairs = torch.stack([torch.cos(angle), torch.sin(angle)], dim=-1) * math.sqrt(2)
        pairs[:, 0, 0] = 1
        return pairs.flatten(1) * inside
    root = torch.sqrt(2 * torch.arange(N, dtype=torch.float64) + 1)
    if measure == "lagt":
        rows = [torch.special.laguerre_polynomial_l(t, n) for n in range(N)]
        return torch.stack(rows, dim=1) * torch.exp(-t / 2)[:, None]
    z = 2 * torch.exp(-t) - 1 if measure == "legs" else 1 - 2 * t
    rows = [torch.special.legendre_polynomial_p(z, n) for n in range(N)]
    return torch.stack(rows, dim=1) * root * inside


def responses(measure: str, N: int, dt: float, length: int) -> Tensor:
    """Responses of the states of a HiPPO system to a pulse, e^{tA} B: what it really remembers.

    For legs and lagt they are `basis` times its weight (e^{-t} and 1), exactly; for legt and fourier
    nearly, as the sample that leaves their window is a guess.

    Parameters
    ----------
    measure, N
        As `transition`.
    dt
        Distance of the ages, in seconds; they are (l + 1/2) dt, the middles of steps.
    length
        Number of ages L.

    Returns
    -------
    Tensor (L, N), float64

    Raises
    ------
    ValueError, TypeError
        As `transition`; if dt is not positive or length not an int >= 1.

    Equation: eq-window (Gu et al. 2023, HTTYH)
    """
    A, B = transition(measure, N)
    validate.positive("dt", dt)
    validate.positive_int("length", length)
    columns = (torch.linalg.matrix_exp(dt / 2 * A) @ B)[:, None]  # (N, 1)
    power = torch.linalg.matrix_exp(dt * A)
    while columns.shape[1] < length:  # twice as many at a time
        columns = torch.cat([columns, power @ columns], dim=1)
        power = power @ power
    return columns[:, :length].T


def project(
    u: Tensor, measure: str, N: int, dt: float | None = None, method: str = "bilinear"
) -> Tensor:
    """Coefficients of the past after each step, online: one recurrence over the input.

    Parameters
    ----------
    u : Tensor (..., L), real.
    measure, N
        As `transition`.
    dt
        Step in seconds, for a window that moves on with the input. Without it (legs only) the memory
        is HiPPO-LegS proper, x'(t) = (A x + B u) / t over the whole past, whose update at step
        k = 1, 2, ... has no step size: stretching time changes nothing.
    method
        ``"euler"``, ``"backward_euler"``, ``"bilinear"`` or ``"zoh"``. The last one is exact for an input
        that is held over each step; without dt it steps in logarithmic time, by log(k / (k - 1)).

    Returns
    -------
    Tensor (..., L, N), float64

    Raises
    ------
    ValueError, TypeError
        As `transition`; if dt is missing for another measure than legs, or u is empty.

    Equation: eq-coefficients, eq-legs-ode, eq-legs-update (Gu et al. 2020, HiPPO)
    """
    A, B = transition(measure, N)
    if u.ndim == 0 or u.shape[-1] == 0:
        raise ValueError(f"u must have shape (..., length >= 1), got {tuple(u.shape)}")
    if dt is None and measure != "legs":
        raise ValueError(f"measure {measure!r} has a window in seconds: dt must be given")
    u = u.double()
    x = u.new_zeros(*u.shape[:-1], N)
    states = []
    for k, u_k in enumerate(u.unbind(-1), start=1):
        if dt is None and method == "zoh" and k == 1:  # an infinite step in log time
            A_bar, B_bar = torch.zeros_like(A), -torch.linalg.solve(A, B)
        elif dt is None:
            step = math.log(k / (k - 1)) if method == "zoh" else 1 / k
            A_bar, B_bar = discretize.dense(A, B, step, method)
        elif k == 1:
            A_bar, B_bar = discretize.dense(A, B, dt, method)
        x = x @ A_bar.T + u_k[..., None] * B_bar
        states.append(x)
    return torch.stack(states, dim=-2)


def reconstruct(c: Tensor, measure: str, t: Tensor) -> Tensor:
    """The past that coefficients stand for, sum_n c_n basis_n(t).

    Parameters
    ----------
    c : Tensor (..., N), real.
    measure
        As `transition`.
    t : Tensor (L,)
        Ages, as `basis`.

    Returns
    -------
    Tensor (..., L), float64

    Raises
    ------
    ValueError, TypeError
        As `basis`.

    Equation: eq-reconstruct (Gu et al. 2020, HiPPO)
    Equation: eq-window (Gu et al. 2023, HTTYH)
    """
    return c.double() @ basis(measure, c.shape[-1], t).T
