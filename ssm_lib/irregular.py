"""A film read at irregular times: a convolutional network for each frame, S5 for the time between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib import validate
from ssm_lib.encoders import ImageEncoder
from ssm_lib.models import SequenceModel

INTERVALS = ("given", "appended", "dropped")


class FilmModel(nn.Module):
    """One output for each frame of a film, (B, L, side * side) and intervals (B, L) -> (B, L, d_output).

    Parameters
    ----------
    side
        Height and width of a frame in pixels, a multiple of 6.
    d_output
        Size of one output.
    d_model, n_layers, layer_args
        As `ssm_lib.models.SequenceModel`; the layers are S5.
    intervals
        What becomes of the time since the frame before. ``"given"``: it is the dt of every S5 layer.
        ``"appended"``: it is one more input beside the encoded frame, and all steps are alike.
        ``"dropped"``: the model does not learn it.

    Raises
    ------
    ValueError, TypeError
        On arguments outside what is named here.

    Source: Smith et al. 2023, S5, pendulum regression, and its variants.
    """

    def __init__(
        self,
        side: int,
        d_output: int,
        d_model: int = 32,
        n_layers: int = 2,
        layer_args: Mapping[str, Any] | None = None,
        intervals: str = "given",
    ) -> None:
        super().__init__()
        self.intervals = validate.one_of("intervals", intervals, INTERVALS)
        self.encoder = ImageEncoder(side, d_model)
        self.stack = SequenceModel(
            d_model + (intervals == "appended"),
            d_output,
            d_model,
            n_layers,
            layer="s5",
            layer_args=layer_args,
            pooling="none",
        )

    def forward(self, u: Tensor, dt: Tensor, rate: float = 1.0) -> Tensor:
        """Read films.

        Parameters
        ----------
        u : Tensor (B, L, side * side), pixels in [0, 1].
        dt : Tensor (B, L), real and positive
            The interval before each frame, in the unit that the model is trained with.
        rate
            Multiplies all intervals of the layers, the equal ones too.

        Returns
        -------
        Tensor (B, L, d_output)

        Raises
        ------
        ValueError, TypeError
            On a wrong shape, dtype or value.
        """
        x = self.encoder(u)  # (B, L, H)
        validate.intervals(dt, u.shape[:2])
        if self.intervals == "given":
            return self.stack(x, rate=rate, dt=dt)
        if self.intervals == "appended":
            x = torch.cat([x, dt[..., None].to(x.dtype)], -1)
        return self.stack(x, rate=rate)
