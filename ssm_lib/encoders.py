"""Encoders: from real numbers, tokens or images to the channels of a deep model."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssm_lib import validate


class RealEncoder(nn.Linear):
    """Linear map of real inputs, (..., d_input) -> (..., H).

    Parameters
    ----------
    d_input
        Size of one input.
    d_model
        Channels H.
    """

    def __init__(self, d_input: int, d_model: int) -> None:
        super().__init__(validate.positive_int("d_input", d_input), d_model)

    def check(self, name: str, u: Tensor, dims: str) -> None:
        """Raise TypeError or ValueError unless u is real, of shape (dims, d_input): ``"B L"``, ``"B"``."""
        sizes = {"C": self.in_features}
        validate.real_input(name, u, f"{dims} C", sizes, self.weight)

    def forward(self, u: Tensor) -> Tensor:
        """Encode; half precision inputs are computed in the dtype of the weights (or of autocast)."""
        return super().forward(u.to(self.weight.dtype))


class TokenEncoder(nn.Embedding):
    """One vector per token, ints (...) -> (..., H).

    Parameters
    ----------
    vocabulary
        Number of tokens.
    d_model
        Channels H.
    """

    def __init__(self, vocabulary: int, d_model: int) -> None:
        super().__init__(validate.positive_int("vocabulary", vocabulary), d_model)

    def check(self, name: str, u: Tensor, dims: str) -> None:
        """Raise TypeError or ValueError unless u holds ints, of shape (dims): ``"B L"`` or ``"B"``."""
        shape = f"({', '.join(dims.split())})"
        if not isinstance(u, Tensor):
            kind = type(u).__name__
            raise TypeError(f"{name} must be a torch.Tensor of shape {shape}, got {kind}")
        if u.is_floating_point() or u.is_complex() or u.dtype == torch.bool:
            last = self.num_embeddings - 1
            raise TypeError(f"{name} must hold tokens, ints in 0 .. {last}, got {u.dtype}")
        if u.ndim != len(dims.split()):
            raise ValueError(f"{name} must have shape {shape}, got {tuple(u.shape)}")
        if 0 in u.shape[1:]:
            raise ValueError(
                f"{name} has length 0; expected at least one step, shape {shape}"
            )

    def forward(self, u: Tensor) -> Tensor:
        """Look the vectors up.

        Raises
        ------
        ValueError
            On a token outside 0 .. vocabulary - 1. Looked up on CPU only, and not while compiling.
        """
        if u.device.type == "cpu" and not torch.compiler.is_compiling():
            outside = u[(u < 0) | (u >= self.num_embeddings)]
            if len(outside):
                last = self.num_embeddings - 1
                raise ValueError(f"tokens must lie in 0 .. {last}, got {outside[0]}")
        return super().forward(u.long())


class ImageEncoder(nn.Module):
    """A small convolutional network for each frame of a film, (B, L, side * side) -> (B, L, H).

    One convolution (12 channels of 6 x 6, stride 3), ReLU, a maximum over 2 x 2, and a linear map: enough
    to see where something bright is.

    Parameters
    ----------
    side
        Height and width of a frame in pixels, a multiple of 6.
    d_model
        Channels H.

    Raises
    ------
    ValueError, TypeError
        If an argument is not such an int.

    Source: Smith et al. 2023, S5, pendulum (theirs is deeper).
    """

    def __init__(self, side: int, d_model: int) -> None:
        super().__init__()
        if validate.positive_int("side", side) % 6:
            raise ValueError(f"side must be a multiple of 6, got {side}")
        self.side = side
        self.net = nn.Sequential(
            nn.Conv2d(1, 12, 6, stride=3, padding=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(12 * (side // 6) ** 2, validate.positive_int("d_model", d_model)),
        )

    def forward(self, u: Tensor) -> Tensor:
        """Encode pixels in [0, 1], row by row.

        Raises
        ------
        ValueError, TypeError
            If u is not real floating point of shape (B, L, side * side).
        """
        weight = next(self.parameters())
        validate.real_input("u", u, "B L C", {"C": self.side**2}, weight)
        images = u.to(weight.dtype).reshape(-1, 1, self.side, self.side) - 0.5
        return self.net(images).unflatten(0, u.shape[:2])
