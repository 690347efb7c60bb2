"""What depth does: the variance of the residual stream, and how far back each block of a model looks."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import validate
from ssm_lib.models import SequenceModel

PLACES = ("before", "after", "none")


def stream_variance(norm: str, gain: float, depth: int) -> tuple[Tensor, Tensor]:
    """Variance of the residual stream after each block, and the share of it that is the encoder's.

    Each block adds a branch that is uncorrelated with the stream. Its variance is `gain` times the
    variance of what it reads.

    Parameters
    ----------
    norm
        ``"before"`` the layer: the branch reads variance 1. ``"after"`` the sum: the sum is scaled to
        variance 1. ``"none"``: the branch reads the stream as it is.
    gain
        Of a branch, at least 0.
    depth
        Number of blocks M.

    Returns
    -------
    variance : Tensor (M + 1,), float64; the first is that of the encoder's output, 1.
    share : Tensor (M + 1,), float64, in (0, 1].

    Raises
    ------
    ValueError, TypeError
        On an unknown place of the norm, a negative gain, or a depth that is no positive int.

    Equation: eq-stream-variance
    """
    validate.one_of("norm", norm, PLACES)
    validate.positive_int("depth", depth)
    if not gain >= 0:
        raise ValueError(f"gain must be at least 0, got {gain}")
    blocks = torch.arange(depth + 1, dtype=torch.float64)
    if norm == "before":
        variance = 1 + gain * blocks
        return variance, 1 / variance
    growth = (1 + gain) ** blocks
    return (growth if norm == "none" else torch.ones_like(growth)), 1 / growth


@torch.no_grad()
def stream(model: SequenceModel, u: Tensor) -> Tensor:
    """What runs through a model: the encoder's output and that of each block, in eval mode.

    Parameters
    ----------
    model
        Left in the mode that it was in.
    u
        Its inputs, as `SequenceModel.forward`.

    Returns
    -------
    Tensor (M + 1, B, L, H)
    """
    training = model.training
    model.eval()
    xs = [model.encoder(u)]
    for block in model.blocks:
        xs.append(block(xs[-1]))
    model.train(training)
    return torch.stack(xs)


def receptive_field(model: SequenceModel, u: Tensor) -> Tensor:
    """How strongly each block's last output depends on what entered the first block, lag by lag.

    The root mean square, over sequences and pairs of channels, of the derivative of x^(m) at the last
    step by x^(0) at the step `lag` before it; x^(0) is the encoder's output, so tokens work too.

    Parameters
    ----------
    model
        Of M blocks, causal; measured in eval mode and left in the mode that it was in.
    u
        Inputs of B sequences, (B, L, d_input) or tokens (B, L); the derivative depends on them.

    Returns
    -------
    Tensor (M, L), in the dtype of the model, not negative; lag 0 first.

    Raises
    ------
    ValueError
        If the model reads in both directions: then the last step is no place like the others.

    Equation: eq-receptive-field
    """
    if any(getattr(module, "bidirectional", False) for module in model.modules()):
        raise ValueError(
            "a receptive field by lag needs a causal model, got a bidirectional one"
        )
    training = model.training
    model.eval()
    start = model.encoder(u).detach().requires_grad_()  # (B, L, H)
    x, fields = start, []
    for block in model.blocks:
        x = block(x)
        squares = torch.zeros_like(start[..., 0])  # (B, L)
        for channel in x[:, -1].sum(0):  # one sequence does not reach another
            (slope,) = torch.autograd.grad(channel, start, retain_graph=True)
            squares += slope.square().mean(-1) / x.shape[-1]
        fields.append(squares.mean(0).sqrt().flip(0))
    model.train(training)
    return torch.stack(fields)


def mean_lag(field: Tensor) -> Tensor:
    """Centre of a receptive field or of a kernel that is not negative, in steps: sum s f_s / sum f_s.

    For kernels of two layers one after the other, the centres add.

    Parameters
    ----------
    field : Tensor (..., L), not negative

    Returns
    -------
    Tensor (...)

    Raises
    ------
    ValueError
        If a value is negative, or a field is zero everywhere.

    Equation: eq-mean-lag
    """
    total = _total(field)
    lags = torch.arange(field.shape[-1], dtype=field.dtype, device=field.device)
    return field @ lags / total


def reach(field: Tensor, share: float = 0.9) -> Tensor:
    """The smallest lag up to which (and with which) a field has that share of its sum, (..., L) -> (...).

    Raises
    ------
    ValueError
        If share is not in (0, 1], and as `mean_lag`.
    """
    if not 0 < share <= 1:
        raise ValueError(f"share must lie in (0, 1], got {share}")
    so_far = field.cumsum(-1) / _total(field)[..., None]
    return (so_far < share * (1 - 1e-6)).sum(-1)


def _total(field: Tensor) -> Tensor:
    if bool((field < 0).any()):
        raise ValueError(f"a field must not be negative, got {float(field.min()):.3g}")
    total = field.sum(-1)
    if bool((total == 0).any()):
        raise ValueError("a field that is zero everywhere has no centre and no reach")
    return total
