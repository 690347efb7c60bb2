"""Handwritten digits as sequences of 64 pixels: real data that needs no download.

scikit-learn ships 1,797 images of 8 x 8 pixels (the test part of the UCI set "Optical Recognition of
Handwritten Digits"). A model sees them one pixel at a time, row after row.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

CLASSES = 10
LENGTH = 64


class Digits(NamedTuple):
    """The two parts of the data, each (u, y): pixels (S, 64, 1), float32, and labels (S,), int64."""

    train: tuple[Tensor, Tensor]
    test: tuple[Tensor, Tensor]


def load(n_test: int = 360) -> Digits:
    """Load the digits in a fixed split, stratified by class.

    Parameters
    ----------
    n_test
        Number of test images, 10 .. 1787; the others are for training.

    Returns
    -------
    Digits
        Pixels standardized with the mean and the standard deviation of the training part.

    Raises
    ------
    ImportError
        If scikit-learn is not installed.
    ValueError
        If n_test is out of range.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise ImportError(
            "the digits come with scikit-learn: pip install 'ssm_lib[train]'"
        ) from error
    data = load_digits()
    if not CLASSES <= n_test <= len(data.target) - CLASSES:
        raise ValueError(
            f"n_test must lie in 10 .. {len(data.target) - CLASSES}, got {n_test}"
        )
    u_train, u_test, y_train, y_test = train_test_split(
        data.data, data.target, test_size=n_test, stratify=data.target, random_state=0
    )
    mean, std = u_train.mean(), u_train.std()

    def sequences(u: object) -> Tensor:
        return torch.as_tensor((u - mean) / std, dtype=torch.float32)[
            ..., None
        ]  # (S, 64, 1)

    return Digits(
        (sequences(u_train), torch.as_tensor(y_train)),
        (sequences(u_test), torch.as_tensor(y_test)),
    )
