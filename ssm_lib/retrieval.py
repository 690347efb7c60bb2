"""Retrieval: do two documents belong together?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib import validate
from ssm_lib.models import SequenceModel


class RetrievalModel(nn.Module):
    """Compare two documents: one encoder for both, then a head on [a, b, a - b, a * b].

    The head is Linear(4 F -> F), GELU, Linear(F -> d_output), where F is the encoder's d_output.

    Parameters
    ----------
    encoder
        Reads one document and gives a vector (B, F): any pooling but ``"none"``.
    d_output
        Size of one output, e.g. the number of classes.

    Raises
    ------
    ValueError, TypeError
        On an encoder without pooling, or a d_output that is no positive int.

    Source: the task Retrieval of the Long Range Arena; head as in the code of S5 (Smith et al. 2023).
    """

    def __init__(self, encoder: SequenceModel, d_output: int) -> None:
        super().__init__()
        if encoder.pooling == "none":
            raise ValueError(
                "the encoder must give one vector per document: use pooling='mean' or 'last'"
            )
        validate.positive_int("d_output", d_output)
        self.encoder = encoder
        F = encoder.d_output
        self.head = nn.Sequential(nn.Linear(4 * F, F), nn.GELU(), nn.Linear(F, d_output))

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data: the encoder's own config, and d_output."""
        return {"encoder": self.encoder.config, "d_output": self.head[-1].out_features}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> RetrievalModel:
        """As `SequenceModel.from_config`."""
        arguments = validate.known_arguments(cls, config)
        if "encoder" in arguments:
            arguments["encoder"] = SequenceModel.from_config(arguments["encoder"])
        return cls(**arguments)

    def forward(
        self,
        a: Tensor,
        b: Tensor,
        lengths_a: Sequence[int] | Tensor | None = None,
        lengths_b: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
    ) -> Tensor:
        """Compare document a[i] with document b[i]. Both go through the encoder in one batch.

        Parameters
        ----------
        a, b
            As the encoder's input, (B, L_a, d_input) or tokens (B, L_a), and with L_b.
        lengths_a, lengths_b, rate
            As `SequenceModel.forward`.

        Returns
        -------
        Tensor (B, d_output)

        Raises
        ------
        TypeError, ValueError
            As `SequenceModel.forward`; if a and b differ in number or dtype.
        """
        for name, u in (("a", a), ("b", b)):
            self.encoder.encoder.check(name, u, "B L")
        if len(a) != len(b) or a.dtype != b.dtype:
            raise ValueError(
                f"a and b must be pairs of one dtype, got {len(a)} documents ({a.dtype}) "
                f"and {len(b)} ({b.dtype})"
            )
        L, ragged = max(a.shape[1], b.shape[1]), a.shape[1] != b.shape[1]
        lengths = None
        if ragged or lengths_a is not None or lengths_b is not None:
            lengths = torch.cat([_full_lengths(lengths_a, a), _full_lengths(lengths_b, b)])
        z = self.encoder(torch.cat([_pad(a, L), _pad(b, L)]), lengths, rate)
        z_a, z_b = z.chunk(2)  # (B, F) each
        return self.head(torch.cat([z_a, z_b, z_a - z_b, z_a * z_b], dim=-1))


def _full_lengths(lengths: Sequence[int] | Tensor | None, u: Tensor) -> Tensor:
    if lengths is None:
        return torch.full((len(u),), u.shape[1], device=u.device)
    return validate.lengths(lengths, len(u), u.shape[1], u.device)


def _pad(u: Tensor, length: int) -> Tensor:
    return torch.cat([u, u.new_zeros(len(u), length - u.shape[1], *u.shape[2:])], dim=1)
