"""Fewer samples of the same signal: what has to be done before every second one is left out."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate


def decimate(u: Tensor, factor: int, band_limited: bool = True) -> Tensor:
    """Every factor-th sample of a signal, from the first on, and no frequency that they cannot tell.

    At the new rate, 1/factor of the old one, a frequency from half of that rate on would look like a
    lower one. So it is taken out first, by a Fourier transform of the whole signal, as if it were periodic.

    Parameters
    ----------
    u : Tensor (S, L, C), real
        Samples; L is a multiple of factor.
    factor
        At least 1; 1 returns u.
    band_limited
        False: leave the samples as they are, aliases and all.

    Returns
    -------
    Tensor (S, L / factor, C), in the dtype of u.

    Raises
    ------
    ValueError, TypeError
        If u has no three dimensions, or factor is not a positive int that divides L.

    Equation: eq-alias
    """
    validate.positive_int("factor", factor)
    if u.ndim != 3 or u.shape[1] % factor:
        raise ValueError(
            f"u must have shape (S, L, C) with L a multiple of factor={factor}, got {tuple(u.shape)}"
        )
    if factor == 1 or not band_limited:
        return u[:, ::factor]
    L = u.shape[1]
    spectrum = torch.fft.rfft(u, dim=1)
    cycles = torch.arange(spectrum.shape[1], device=u.device)  # per length of the signal
    spectrum = torch.where((2 * factor * cycles < L)[:, None], spectrum, 0)
    return torch.fft.irfft(spectrum, n=L, dim=1)[:, ::factor]
