"""Delays: say again what came tau steps ago. The plainest test of what a state remembers, and since when.

The inputs are band-limited noise, so that the difficulty is known: a signal with frequencies up to f
cycles per step has 2 f tau independent numbers in tau steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate


def band_limited(shape: tuple[int, ...], cutoff: float, seed: int) -> Tensor:
    """Gaussian noise with no frequency above `cutoff`.

    Parameters
    ----------
    shape
        (..., L): independent signals of L steps.
    cutoff
        Highest frequency, in cycles per step; at most 0.5, which is white noise.
    seed
        Of the random numbers.

    Returns
    -------
    Tensor, float64, of that shape, real; mean 0, variance 1 over the whole tensor. Each signal is periodic:
        its end runs smoothly into its beginning.

    Raises
    ------
    ValueError, TypeError
        If the cutoff is not in (0, 0.5], or so low that no frequency of these L steps is left.
    """
    if not validate.positive("cutoff", cutoff) <= 0.5:
        raise ValueError(f"cutoff must lie in (0, 0.5] cycles per step, got {cutoff}")
    L = shape[-1]
    if cutoff * L < 1:
        raise ValueError(f"no frequency below {cutoff} cycles per step fits in {L} steps")
    seeded = torch.Generator().manual_seed(seed)
    spectrum = torch.fft.rfft(torch.randn(shape, generator=seeded, dtype=torch.float64))
    frequency = torch.fft.rfftfreq(L, dtype=torch.float64)  # cycles per step
    spectrum[..., (frequency > cutoff) | (frequency == 0)] = 0
    u = torch.fft.irfft(spectrum, n=L)
    return u / u.square().mean().sqrt()


def readout_error(x: Tensor, u: Tensor, delay: int) -> float:
    """How badly the best linear readout C x_k + D u_k says u_{k - delay}.

    C and D are fitted by least squares on one half of the steps and judged on the other. The first
    quarter of all steps is left out of both: there the states still fill up.

    Parameters
    ----------
    x : Tensor (L, N), float64
        States; x_k has seen u_k.
    u : Tensor (L,), float64
        The input that drove them.
    delay
        In steps, 0 to L/4.

    Returns
    -------
    float
        Root mean square of the error over that of the target: 0 is perfect, 1 is what a readout of
        zero would have.

    Raises
    ------
    ValueError
        If the delay is out of range, if x and u have different lengths, or if there are fewer steps to
        fit on than numbers to fit.

    Equation: eq-delay
    """
    L = len(u)
    if x.ndim != 2 or len(x) != L:
        raise ValueError(
            f"x must have shape (L={L}, N), as u has {L} steps, got {tuple(x.shape)}"
        )
    if not 0 <= delay <= L // 4:
        raise ValueError(
            f"delay must lie in 0 .. {L // 4}, a quarter of the steps, got {delay}"
        )
    columns = torch.cat([x, u[:, None]], dim=1)[L // 4 :]  # (3L/4, N+1)
    target = u[L // 4 - delay : L - delay]  # (3L/4,)
    half = len(target) // 2
    if half <= columns.shape[1]:
        raise ValueError(f"{half} steps are too few to fit {columns.shape[1]} numbers")
    # a readout that needs more digits than float32 has is no readout; a dead state harms nothing
    fit = torch.linalg.lstsq(columns[:half], target[:half], rcond=1e-6, driver="gelsd")
    error = columns[half:] @ fit.solution - target[half:]
    return float(error.norm() / target[half:].norm())
