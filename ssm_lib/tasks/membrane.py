"""The voltage of a nerve cell: a real signal that needs no download.

matplotlib ships a recording of a membrane potential among its sample data (its first logo was drawn
from it): six seconds at 2,000 samples a second. The cell rests, is driven from 0.5 s on, swings, and
then fires spikes a few milliseconds wide.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ssm_lib import validate

SECONDS = 6.0
RAW_STEP = 0.0005  # seconds
MILLIVOLTS = 100.0  # for each unit of the file


class Recording(NamedTuple):
    """An excerpt: `t` (L,) seconds from its start to the end of each step, `u` (L,) millivolts."""

    t: Tensor
    u: Tensor


def load(start: float = 0.25, seconds: float = 1.0, merge: int = 4) -> Recording:
    """Load an excerpt of the recording.

    Source of the units: matplotlib's project history, where the file draws the logo of 2003.

    Parameters
    ----------
    start
        First second of the excerpt.
    seconds
        Its duration; ``start + seconds`` is at most 6.
    merge
        Samples averaged into one step: 4 makes steps of 2 ms.

    Returns
    -------
    Recording
        Both float64. The default has 500 steps: the cell at rest, the drive, eight spikes.

    Raises
    ------
    FileNotFoundError
        If this matplotlib was packaged without its sample data.
    ValueError, TypeError
        If the excerpt is not inside the recording or holds no step, or `merge` is not an int >= 1.
    """
    validate.positive_int("merge", merge)
    first = round(start / RAW_STEP)
    steps = round(seconds / RAW_STEP) // merge
    if start < 0 or steps < 1 or first + steps * merge > round(SECONDS / RAW_STEP):
        raise ValueError(
            f"expected an excerpt inside 0 .. {SECONDS:g} s, got start={start}, seconds={seconds}"
        )
    import matplotlib

    file = f"{matplotlib.get_data_path()}/sample_data/membrane.dat"
    raw = np.fromfile(file, dtype=np.float32)[first : first + steps * merge]
    u = MILLIVOLTS * torch.from_numpy(raw).double().reshape(steps, merge).mean(1)
    dt = merge * RAW_STEP
    return Recording(dt * torch.arange(1, steps + 1, dtype=torch.float64), u)
