"""DLR on two of its paper's tasks: shifts that are always the same, and one that the input tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ssm_lib import train
from ssm_lib.models import SequenceModel
from ssm_lib.optim import param_groups
from ssm_lib.records import Recipe
from ssm_lib.tasks import atomic

PAPER = (
    "task of Gupta et al. 2022, DLR, whose code trains 128 channels on at least 172,800 sequences; here 32 "
    "channels, and at most 9,600 sequences. Their R^2 was not available to us"
)

LONG = (
    "task of Gupta et al. 2022, DLR, whose code trains 32 channels at this length too, on at least 86,400 sequences, "
    "4 in a batch, every parameter at the rate 1e-5; here 1,200 sequences, 4 in a batch, rates of 1e-2 and (Lambda, "
    "W) 6e-5, found on 8 channels in 60 steps. Their R^2 was not available to us"
)


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train one block, with the norm after it, on one task; once for each of the initial decays.

    Parameters
    ----------
    settings
        ``task`` (a key of `atomic.TASKS`), ``length``, ``batch``; ``channels``, ``modes`` of the layer;
        ``decays``: Re Lambda starts at -1/2 of it; ``fit``: arguments of `train.fit_stream`; ``ssm_lr``, if
        given: rate of Lambda and W.
    seed
        Of the parameters and of the samples.

    Returns
    -------
    dict: parameters, and for each decay its history and test_r2, of 64 new samples.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    task, length = atomic.TASKS[settings["task"]], settings["length"]
    test = task.sample(64, length, torch.Generator().manual_seed(seed + 1000))
    runs = []
    for decay in settings["decays"]:
        torch.manual_seed(seed)
        layer_args = {"d_state": settings["modes"], "dt_min": decay, "dt_max": decay}
        model = SequenceModel(
            task.d_input,
            task.d_output,
            d_model=settings["channels"],
            n_layers=1,
            layer="dlr",
            layer_args=layer_args,
            pooling="none",
            prenorm=False,
        ).to(device)
        fit = settings["fit"]
        groups = None
        if "ssm_lr" in settings:
            groups = param_groups(model, fit["lr"], settings["ssm_lr"], fit["weight_decay"])
        history = train.fit_stream(
            model,
            lambda generator: task.sample(settings["batch"], length, generator),
            seed=seed,
            groups=groups,
            **fit,
        )
        parameters = sum(p.numel() for p in model.parameters())
        score = train.score(model, *test, "r2", batch_size=16)
        runs.append({"decay": decay, "history": history, "test_r2": score})
    return {"parameters": parameters, "decays": runs}


def _recipe(
    task: str,
    length: int,
    lr: float,
    steps: int,
    *decays: float,
    batch: int = 16,
    source: str = PAPER,
    **more: float,
) -> Recipe:
    return Recipe(
        task=f"{task}, L = {length}",
        model="dlr, one block",
        settings={
            "task": task,
            "length": length,
            "batch": batch,
            "channels": 32,
            "modes": length,
            "decays": list(decays or (1e-5,)),
            "fit": {"steps": steps, "lr": lr, "weight_decay": 0.0},
            **more,
        },
        run=run,
        source=source,
    )


RECIPES = {
    "dlr-shift-1024": _recipe("shift", 1024, 3e-3, 600),
    "dlr-shift-4096": _recipe("shift", 4096, 1e-3, 600),
    "dlr-shift-16384": _recipe(
        "shift", 16384, 1e-2, 300, batch=4, source=LONG, ssm_lr=6e-5
    ),
    "dlr-context-shift-1024": _recipe("context_shift", 1024, 3e-3, 600),
    "dlr-shift-decay": _recipe("shift", 512, 5e-3, 400, 1e-6, 1e-5, 1e-3, 1e-2, 1e-1),
}
