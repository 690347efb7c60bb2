"""Spoken digits: half a second of sound, 4,000 samples, that come with the library.

Synthetic speech, not recordings of people: the words zero to nine by the synthesizer espeak-ng, in three
English accents, twelve voices and four draws of pitch and speed each. `tools/make_spoken_digits.py` made
the file. The test part has voices that the training part never hears.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

FILE = Path(__file__).parent / "data" / "spoken_digits.npz"
SHA256 = "b2dc5e402850a454dd1cb8e7ed08d24b5c78a5503bb86e03373f3f955eb2280f"
CLASSES, LENGTH, RATE = 10, 4000, 8000
TEST_VOICES = (2, 6, 10)  # m3, m7 and f4 of twelve


class SpokenDigits(NamedTuple):
    """The two parts, each (u, y): samples (S, 4000, 1), float32, and labels (S,), int64."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load() -> SpokenDigits:
    """Load the words, split by voice: 1,080 to train on, 360 of three other voices to test.

    Returns
    -------
    SpokenDigits
        Samples at 8 kHz, divided by the standard deviation of the training part.

    Raises
    ------
    FileNotFoundError
        If the file is missing.
    ValueError
        If its samples are not those that `SHA256` names.
    """
    if not FILE.is_file():
        raise FileNotFoundError(
            f"{FILE.name} is missing from ssm_lib/tasks/data: it is part of the repository"
        )
    with np.load(FILE) as arrays:
        audio, label, voice = (arrays[name] for name in ("audio", "label", "voice"))
    found = hashlib.sha256(audio.tobytes()).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{FILE.name} holds other samples than expected: sha256 {found}, expected {SHA256}"
        )
    u = torch.from_numpy(audio).float()[..., None]  # (S, 4000, 1)
    y = torch.from_numpy(label).long()
    unheard = torch.isin(torch.from_numpy(voice).long(), torch.tensor(TEST_VOICES))
    u = u / u[~unheard].std()
    return SpokenDigits((u[~unheard], y[~unheard]), (u[unheard], y[unheard]))
