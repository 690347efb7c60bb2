"""Optimizer groups: what shapes the kernels is trained slowly and never decayed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from ssm_lib.layers.base import SSMLayer


def param_groups(
    model: nn.Module, lr: float, ssm_lr: float, weight_decay: float
) -> list[dict[str, Any]]:
    """Optimizer groups by the papers' rules: what shapes the kernels is trained slowly, without decay.

    Weight decay on Lambda or dt would pull them to 1 whatever the data say. Norms, biases and the
    other vectors (D among them) are not decayed either. C is trained and decayed like the rest.

    Parameters
    ----------
    model
        Any module that holds state space layers, at any depth.
    lr, weight_decay
        For all other parameters.
    ssm_lr
        Learning rate of Lambda, dt and B of each `SSMLayer` (its `slow_parameters`); at most lr.

    Returns
    -------
    list of three dict (decayed, not decayed, slow): groups for a `torch.optim` optimizer. Each
    parameter is in exactly one, also one that several modules share (slow if it is slow in any of
    them, else not decayed if it is not in any); frozen parameters are in none.

    Source: Gu et al. 2022, S4, App. D.2 (rates); standalone S4D model (no decay).
    """
    slow: set[Tensor] = set()
    plain: set[Tensor] = set()
    for module in model.modules():
        vectors = isinstance(
            module, (nn.LayerNorm, nn.RMSNorm)
        )  # also over several dimensions
        named = module.named_parameters(recurse=False, remove_duplicate=False)
        for name, p in named:
            if isinstance(module, SSMLayer) and name in module.slow_parameters:
                slow.add(p)
            elif vectors or p.ndim < 2 or name.endswith("bias"):
                plain.add(p)
    trained = [p for p in model.parameters() if p.requires_grad]
    rest = [p for p in trained if p not in slow]
    return [
        {
            "params": [p for p in rest if p not in plain],
            "lr": lr,
            "weight_decay": weight_decay,
        },
        {"params": [p for p in rest if p in plain], "lr": lr, "weight_decay": 0.0},
        {
            "params": [p for p in trained if p in slow],
            "lr": min(ssm_lr, lr),
            "weight_decay": 0.0,
        },
    ]


def decay_left(rates: Iterable[float], weight_decay: float) -> float:
    """The factor that weight decay alone leaves of a parameter: the product of 1 - rate * weight_decay.

    AdamW decays apart from its gradient; a parameter whose gradient is zero becomes its start times this.

    Parameters
    ----------
    rates
        The learning rate of every step.
    weight_decay
        Of the parameter's group.

    Returns
    -------
    float
        About exp(-weight_decay * sum(rates)).

    Raises
    ------
    ValueError
        If a rate times the weight decay is not in [0, 1): then a step would not shrink the parameter.

    Equation: eq-decay-left (Loshchilov and Hutter 2019)
    """
    left = 1.0
    for rate in rates:
        if not 0 <= rate * weight_decay < 1:
            raise ValueError(
                f"rate * weight_decay must lie in [0, 1), got {rate} * {weight_decay}"
            )
        left *= 1 - rate * weight_decay
    return left
