"""Residual blocks: what surrounds a state space layer in a deep model."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssm_lib import validate
from ssm_lib.attention import Attention
from ssm_lib.layers.base import SSMLayer

NORMS = ("layer", "batch")


class BatchNorm(nn.Module):
    """Normalize each channel over batch and time, (B, L, H) -> (B, L, H); padded steps do not count.

    In eval mode, and so step by step, the running statistics are used. Unlike `torch.nn.BatchNorm1d`
    it has no counter of batches: all that is stored is real. Each process of a distributed run
    normalizes its own part of the batch.

    Parameters
    ----------
    d_model
        Channels H.
    eps
        Added to the variance.
    momentum
        Weight of a new batch in the running mean and (unbiased) variance.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, d_model: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(d_model))
        self.bias = nn.Parameter(torch.zeros(d_model))
        self.register_buffer("running_mean", torch.zeros(d_model))
        self.register_buffer("running_var", torch.ones(d_model))

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """Normalize.

        Parameters
        ----------
        x : Tensor (..., H)
        keep : bool Tensor (...), optional
            False at padded steps, which enter no statistics.

        Returns
        -------
        Tensor (..., H), in the dtype of x; statistics of half precision inputs are in float32.

        Raises
        ------
        ValueError
            If there is a single value per channel to take the variance of, in training mode.
        """
        if keep is None or not self.training:
            running = self.running_mean, self.running_var, self.weight, self.bias
            flat = x.reshape(-1, x.shape[-1])  # (B * L, H)
            y = F.batch_norm(flat, *running, self.training, self.momentum, self.eps)
            return y.reshape(x.shape)
        if keep.numel() == 1:
            raise ValueError("batch norm needs more than one step to train on, got 1")
        z = x.to(torch.promote_types(x.dtype, torch.float32)).flatten(0, -2)  # (B * L, H)
        keep = keep.reshape(-1, 1)
        n = keep.sum()
        mean = torch.where(keep, z, 0).sum(0) / n
        var = torch.where(keep, (z - mean) ** 2, 0).sum(0) / n
        with torch.no_grad():
            unbiased = var * (n / (n - 1).clamp(min=1))
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)
        y = (z - mean) * torch.rsqrt(var + self.eps) * self.weight + self.bias
        return y.to(x.dtype).reshape(x.shape)

    def extra_repr(self) -> str:
        return f"{len(self.weight)}, eps={self.eps}, momentum={self.momentum}"


class Block(nn.Module):
    """Residual block around a state space layer, (B, L, H) -> (B, L, H).

    With f(x) = GLU(W dropout(GELU(ssm(x))) + b) the block is x + f(norm(x)), or norm(x + f(x)) if the
    norm comes after.

    Parameters
    ----------
    layer
        The state space layer, or attention in its place; it sets the width H.
    dropout
        Probability to drop a channel for the whole sequence: once, after the activation, with one
        mask for all steps.
    norm
        ``"layer"``: over the channels of each step; ``"batch"``: `BatchNorm`.
    prenorm
        Normalize the input of the layer (True), or the sum (False).

    Raises
    ------
    ValueError, TypeError
        On an unknown norm, a prenorm that is no bool, or a dropout outside [0, 1].

    Equation: eq-residual-block (Gu et al. 2022, S4, App. D; order of the standalone S4D model)
    """

    def __init__(
        self,
        layer: SSMLayer | Attention,
        dropout: float = 0.0,
        norm: str = "layer",
        prenorm: bool = True,
    ) -> None:
        super().__init__()
        if not isinstance(prenorm, bool):
            raise TypeError(f"prenorm must be True or False, got {prenorm!r}")
        self.prenorm = prenorm
        self.norm = make_norm(norm, layer.d_model)
        self.layer = layer
        self.dropout = nn.Dropout1d(dropout)
        self.mix = nn.Linear(layer.d_model, 2 * layer.d_model)

    def forward(
        self,
        x: Tensor,
        lengths: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
        state: Tensor | None = None,
        return_state: bool = False,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Apply the block to whole sequences.

        Parameters
        ----------
        x : Tensor (B, L, H)
        lengths, rate, state, return_state
            As `ssm_lib.layers.base.SSMLayer.forward`. In training mode each chunk draws its own
            dropout mask, and batch norm takes the statistics of the chunk.
        dt : Tensor (B, L), optional
        reset : Tensor (B, L), bool, optional
            As `ssm_lib.layers.S5.forward`, for a layer that takes them.

        Returns
        -------
        Tensor (B, L, H), or (it, state); what it holds beyond the lengths has no meaning.

        Raises
        ------
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.forward`; ValueError on a dt or a reset for
            a layer that takes none.
        """
        keep = None if lengths is None else keep_mask(lengths, x)
        z = normalize(self.norm, x, keep) if self.prenorm else x
        sequence = {"lengths": lengths, "state": state, "return_state": return_state}
        out = self.layer(z, rate=rate, **sequence, **self._per_step(dt, reset))
        y, last = out if return_state else (out, None)
        x = x + self._mix(y)
        x = x if self.prenorm else normalize(self.norm, x, keep)
        return x if last is None else (x, last)

    def step(
        self,
        x_t: Tensor,
        state: Tensor | None,
        rate: float = 1.0,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Apply the block to one input of each sequence: (B, H), state -> (B, H), state.

        Parameters
        ----------
        x_t : Tensor (B, H)
        state, rate
            As `ssm_lib.layers.base.SSMLayer.step`.
        dt : Tensor (B,), optional
        reset : Tensor (B,), bool, optional
            One column of the dt and of the reset of `forward`.

        Raises
        ------
        RuntimeError
            In training mode, if the block has dropout or batch norm: one step alone knows neither
            the mask nor the statistics of the sequence.
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.step`.
        """
        if self.training and (self.dropout.p > 0 or isinstance(self.norm, BatchNorm)):
            raise RuntimeError(
                "dropout and batch norm run step by step in eval mode only; call eval() first"
            )
        z = self.norm(x_t) if self.prenorm else x_t
        y, state = self.layer.step(z, state, rate, **self._per_step(dt, reset))
        x_t = x_t + self._mix(y[:, None])[:, 0]
        return x_t if self.prenorm else self.norm(x_t), state

    def _per_step(self, dt: Tensor | None, reset: Tensor | None) -> dict[str, Tensor]:
        """What differs from step to step, for a layer that can follow it: a kernel cannot."""
        name, given = type(self.layer).__name__, {}
        if dt is not None:
            given["dt"] = dt
            if not self.layer.per_step_dt:
                raise ValueError(
                    f"{name} has one dt for the whole sequence and takes no dt per step; use rate, "
                    "or layer='s5'"
                )
        if reset is not None:
            given["reset"] = reset
            if not self.layer.per_step_reset:
                raise ValueError(
                    f"{name} has one kernel for the whole sequence and takes no reset; use "
                    "layer='s5', whose scan can forget at a step"
                )
        return given

    def _mix(self, y: Tensor) -> Tensor:
        y = F.gelu(y).transpose(1, 2)  # (B, H, L): Dropout1d drops whole channels
        return F.glu(self.mix(self.dropout(y).transpose(1, 2)), dim=-1)


def make_norm(norm: str, d_model: int) -> nn.Module:
    """The norm of that name, one of `NORMS`, for d_model channels; ValueError on another name."""
    validate.one_of("norm", norm, NORMS)
    return BatchNorm(d_model) if norm == "batch" else nn.LayerNorm(d_model)


def normalize(norm: nn.Module, x: Tensor, keep: Tensor | None) -> Tensor:
    """Apply a norm to x (B, L, H); only one over time needs to know the padded steps, keep (B, L)."""
    return norm(x, keep) if isinstance(norm, BatchNorm) else norm(x)


def keep_mask(lengths: Sequence[int] | Tensor, x: Tensor) -> Tensor:
    """True at the steps within each sequence's length, False at padded ones.

    Parameters
    ----------
    lengths : (B,) ints in 1 .. L
    x : Tensor (B, L, ...)

    Returns
    -------
    bool Tensor (B, L), on the device of x

    Raises
    ------
    TypeError, ValueError
        On lengths of another dtype, number or range (the range on CPU only).
    """
    B, L = x.shape[:2]
    lengths = validate.lengths(lengths, B, L, x.device)
    return torch.arange(L, device=x.device) < lengths[:, None]
