"""Deep sequence models: residual blocks around state space layers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib import validate
from ssm_lib.layers import LAYERS, SSMLayer

POOLING = ("mean", "none")


class Block(nn.Module):
    """Residual block: x + GLU(W dropout(GELU(ssm(norm(x))))), (B, L, H) -> (B, L, H).

    Parameters
    ----------
    layer
        The state space layer; it sets the width H.
    dropout
        Probability to drop a channel for the whole sequence (the mask is tied over the length).

    Source: Gu et al. 2022, S4, App. D; order of the standalone S4D model.
    """

    def __init__(self, layer: SSMLayer, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(layer.d_model)
        self.layer = layer
        self.dropout = nn.Dropout1d(dropout)
        self.mix = nn.Linear(layer.d_model, 2 * layer.d_model)

    def forward(
        self, x: Tensor, lengths: Sequence[int] | Tensor | None = None, rate: float = 1.0
    ) -> Tensor:
        """Apply the block to whole sequences.

        Parameters
        ----------
        x : Tensor (B, L, H)
        lengths, rate
            As `ssm_lib.layers.base.SSMLayer.forward`.

        Returns
        -------
        Tensor (B, L, H)
        """
        y = self.layer(self.norm(x), lengths=lengths, rate=rate)
        return x + self._mix(y)

    def step(
        self, x_t: Tensor, state: Tensor | None, rate: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Apply the block to one input of each sequence: (B, H), state -> (B, H), state."""
        y, state = self.layer.step(self.norm(x_t), state, rate)
        return x_t + self._mix(y[:, None])[:, 0], state

    def _mix(self, y: Tensor) -> Tensor:
        y = nn.functional.gelu(y).transpose(
            1, 2
        )  # (B, H, L): Dropout1d drops whole channels
        return nn.functional.glu(self.mix(self.dropout(y).transpose(1, 2)), dim=-1)


class SequenceModel(nn.Module):
    """Linear encoder, a stack of blocks, norm, pooling over time, linear decoder.

    Parameters
    ----------
    d_input, d_output
        Sizes of one input and of one output.
    d_model
        Channels H of the blocks.
    n_layers
        Number of blocks.
    layer
        Name of the state space layer, a key of `ssm_lib.layers.LAYERS`.
    layer_args
        Its other constructor arguments, e.g. ``{"d_state": 32, "init": "lin"}``.
    dropout
        As `Block`.
    pooling
        ``"mean"`` over time, output (B, d_output); or ``"none"``, output (B, L, d_output).

    Raises
    ------
    ValueError, TypeError
        On an unknown layer or pooling, or sizes that are not positive ints.
    """

    def __init__(
        self,
        d_input: int,
        d_output: int,
        d_model: int = 64,
        n_layers: int = 4,
        layer: str = "s4d",
        layer_args: Mapping[str, Any] | None = None,
        dropout: float = 0.0,
        pooling: str = "mean",
    ) -> None:
        super().__init__()
        self.d_input = validate.positive_int("d_input", d_input)
        validate.positive_int("d_output", d_output)
        validate.positive_int("n_layers", n_layers)
        make = LAYERS[validate.one_of("layer", layer, LAYERS)]
        self.pooling = validate.one_of("pooling", pooling, POOLING)
        self.encoder = nn.Linear(d_input, d_model)
        blocks = [
            Block(make(d_model, **(layer_args or {})), dropout) for _ in range(n_layers)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.norm = nn.LayerNorm(d_model)
        self.decoder = nn.Linear(d_model, d_output)

    def forward(
        self, u: Tensor, lengths: Sequence[int] | Tensor | None = None, rate: float = 1.0
    ) -> Tensor:
        """Apply the model to whole sequences.

        Parameters
        ----------
        u : Tensor (B, L, d_input)
        lengths, rate
            As `ssm_lib.layers.base.SSMLayer.forward`; padded steps do not enter the mean.

        Returns
        -------
        Tensor (B, d_output), or (B, L, d_output) without pooling.

        Raises
        ------
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.forward`.
        """
        validate.real_input("u", u, "B L C", {"C": self.d_input}, self.encoder.weight.dtype)
        x = self.encoder(u)
        for block in self.blocks:
            x = block(x, lengths, rate)
        x = self.norm(x)
        if self.pooling == "none":
            return self.decoder(x)
        if lengths is None:
            return self.decoder(x.mean(1))
        lengths = torch.as_tensor(lengths, device=u.device)[:, None]
        keep = torch.arange(u.shape[1], device=u.device) < lengths  # (B, L)
        return self.decoder(torch.where(keep[..., None], x, 0).sum(1) / lengths)

    def step(
        self, u_t: Tensor, state: Sequence[Tensor] | None, rate: float = 1.0
    ) -> tuple[Tensor, list[Tensor]]:
        """Apply the model to one input of each sequence.

        Parameters
        ----------
        u_t : Tensor (B, d_input)
        state
            What the last call returned; None at the start of the sequences.
        rate
            As in `forward`.

        Returns
        -------
        Tensor (B, d_output): with pooling, the output for the part of the sequence seen so far.
        state : list of Tensor, one per block, then the sum over time and the number of steps.

        Raises
        ------
        TypeError, ValueError
            As `forward`.
        """
        validate.real_input(
            "u_t", u_t, "B C", {"C": self.d_input}, self.encoder.weight.dtype
        )
        n = len(self.blocks)
        if state is not None and len(state) != n + 2:
            raise ValueError(f"state must be a list of {n + 2} tensors, got {len(state)}")
        x = self.encoder(u_t)
        states: list[Tensor] = []
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            x, block_state = block.step(x, None if state is None else state[i], rate)
            states.append(block_state)
        x = self.norm(x)
        total = x if state is None else state[n] + x
        steps = torch.ones((), device=x.device) if state is None else state[n + 1] + 1
        out = self.decoder(total / steps if self.pooling == "mean" else x)
        return out, [*states, total, steps]


def param_groups(
    model: nn.Module, lr: float, ssm_lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Optimizer groups by the papers' rules: what shapes the kernels is trained slowly, without decay.

    Weight decay on Lambda or dt would pull them to 1 whatever the data say; norms and biases are
    not decayed either. C and D follow the rest of the network.

    Parameters
    ----------
    model
        Any module that holds state space layers.
    lr, weight_decay
        For all other parameters.
    ssm_lr
        Learning rate of Lambda, dt and B of each `SSMLayer`.

    Returns
    -------
    list of dict: groups for a `torch.optim` optimizer, each parameter in exactly one of them.

    Source: Gu et al. 2022, S4, App. D.2 (rates); standalone S4D model (no decay).
    """
    slow = {
        p
        for module in model.modules()
        if isinstance(module, SSMLayer)
        for name, p in module.named_parameters(recurse=False)
        if name in module.slow_parameters
    }
    trained = [p for p in model.parameters() if p.requires_grad]
    plain = [p for p in trained if p not in slow and p.ndim < 2]  # norms, biases, D
    decayed = [p for p in trained if p not in slow and p.ndim >= 2]
    return [
        {"params": decayed, "lr": lr, "weight_decay": weight_decay},
        {"params": plain, "lr": lr, "weight_decay": 0.0},
        {
            "params": [p for p in trained if p in slow],
            "lr": min(ssm_lr, lr),
            "weight_decay": 0.0,
        },
    ]
