"""The exercises of chapter 13, deep models: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib import SequenceModel, check
from ssm_lib.optim import param_groups

LR, SSM_LR, DECAY = 4e-3, 1e-3, 0.05  # of `groups`


def decayed(answer: Any) -> bool:
    """Δ after 40,000 steps at 1e-3 with decay 0.05 on log Δ alone, from Δ = 0.01: 0.01 ** exp(-2)."""
    return check.value(
        answer,
        0.01 ** math.exp(-2),
        {
            0.01
            * math.exp(
                -2
            ): "Δ itself is not decayed, its logarithm is: it goes to 0, and Δ to 1",
            0.01: "that is where it starts; decay needs no gradient",
            1: "that is where it ends, much later",
        },
        tolerance=1e-2,  # two digits are enough
    )


def channels(answer: Any) -> bool:
    """How many of 128 channels start with 1/Δ from 100 to 1,000 steps: half of the two decades."""
    return check.value(
        answer,
        64,
        {
            128 * 0.009 / 0.099: "that would be so if Δ were uniform; its logarithm is",
            128 * 900 / 990: "that would be so if 1/Δ were uniform; log Δ is",
            0.5: "that is their share, not their number",
        },
    )


def branch_scale(answer: Any) -> bool:
    """Largest a with which x + a f(x), of gain 1, grows in variance at most e-fold in 64 blocks."""
    exact = math.sqrt(math.expm1(1 / 64))
    return check.value(
        answer,
        exact,
        {
            exact**2: "that is its square: a variance grows with the square of a factor",
            1 / 64: "a variance grows with the square of a factor",
        },
        tolerance=0.01,  # 1/8 is near enough
    )


def stacked(answer: Any) -> bool:
    """Kernel of two residual linear layers one after the other: (1 + k1) * (1 + k2), cut at L steps."""
    g = torch.Generator().manual_seed(0)
    one, two = torch.randn(2, 9, generator=g, dtype=torch.float64)
    quiet = torch.zeros(4, dtype=torch.float64)
    return check.function(
        answer, _stacked, [(quiet, one[:4]), (one[:1], two[:1]), (one, two)]
    )


def tied_dropout(answer: Any) -> bool:
    """Drop channels of x (B, L, H) for the whole sequence, with probability p, and scale the others."""
    if answer is None or answer is ...:
        return check.value(answer, 0)
    x, p = 1 + torch.rand(64, 20, 50, generator=torch.Generator().manual_seed(0)), 0.25
    try:
        y = answer(x.clone(), p)
    except Exception as error:  # whatever the reader's code raises is told, not thrown
        return _wrong(f"it raised {type(error).__name__}: {error}")
    if y is None or y is ...:
        return check.value(None, 0)
    if not isinstance(y, Tensor) or y.shape != x.shape:
        got = tuple(y.shape) if isinstance(y, Tensor) else type(y).__name__
        return _wrong(f"expected shape {tuple(x.shape)} like x, got {got}")
    dropped = y == 0
    if not bool((dropped == dropped[:, :1]).all()):
        return _wrong(
            "a channel is dropped at some steps and not at others: one mask for all"
        )
    if bool(dropped.any()) and bool((dropped == dropped[:1]).all()):
        return _wrong("all sequences lose the same channels: each needs its own mask")
    if bool(dropped.any()) and bool((dropped == dropped[..., :1]).all()):
        return _wrong("all channels of a sequence go together: each needs its own mask")
    share = float(dropped.float().mean())
    if abs(share - p) > 0.05:
        return _wrong(f"with p = {p} it drops {share:.0%} of the channels")
    if not torch.allclose(y[~dropped], (x[~dropped] / (1 - p)).to(y.dtype)):
        return _wrong(
            "what stays must be x divided by 1 - p, so that the mean stays the same"
        )
    print("✓ Right: one mask for all steps, another for each sequence and channel.")
    return True


def groups(answer: Any) -> bool:
    """Groups for AdamW by the papers' rules, made by hand from the named parameters of a model."""
    if answer is None or answer is ...:
        return check.value(answer, 0)
    torch.manual_seed(0)
    model = SequenceModel(1, 3, d_model=4, n_layers=2, layer_args={"d_state": 4})
    try:
        found = answer(model)
        if found is None or found is ...:
            return check.value(None, 0)
        got = _settings_by_name(model, list(found))
    except Exception as error:  # whatever the reader's code raises is told, not thrown
        return _wrong(f"it raised {type(error).__name__}: {error}")
    wanted = _settings_by_name(model, param_groups(model, LR, SSM_LR, DECAY))
    for name, expected in wanted.items():
        if len(got[name]) != 1:
            return _wrong(
                f"{name} is in {len(got[name])} groups; each belongs to exactly one"
            )
        if got[name] != expected:
            (lr, decay), (right_lr, right_decay) = got[name][0], expected[0]
            return _wrong(
                f"{name} has lr {lr:g} and weight decay {decay:g}, "
                f"expected {right_lr:g} and {right_decay:g}"
            )
    print(f"✓ Right: all {len(wanted)} parameters have the papers' settings.")
    return True


def _settings_by_name(
    model: nn.Module, found: list[dict[str, Any]]
) -> dict[str, list[tuple[float, float]]]:
    """The (lr, weight decay) of each group that holds a parameter, by its name."""
    return {
        name: [
            (float(group["lr"]), float(group["weight_decay"]))
            for group in found
            for other in group["params"]
            if other is p
        ]
        for name, p in model.named_parameters()
    }


def _stacked(one: Tensor, two: Tensor) -> Tensor:
    a, b = one.clone(), two.clone()
    a[0] += 1
    b[0] += 1
    L = len(a)
    return torch.stack([(a[: l + 1] * b[: l + 1].flip(0)).sum() for l in range(L)])


def _wrong(what: str) -> bool:
    print(f"✗ Not yet: {what}.")
    return False
