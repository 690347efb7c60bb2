"""The eleven atomic tasks, four models beside each other, one layer and more: small enough for two CPU cores.

The paper's runs have 128 channels, sequences of 4096 (of 512 for the deep ones) and at least 172,800 of them; these
have 32 channels, sequences of 256, and 16,000 of them (9,600 for more than one layer).
"""

from __future__ import annotations

from typing import Any

from ssm_lib.engine.config import Experiment
from ssm_lib.tasks import atomic

LENGTH = 256
LAYERS: dict[str, dict[str, Any]] = {
    "dlr": {"d_state": LENGTH, "dt_min": 1e-5, "dt_max": 1e-5},
    "s4d": {"d_state": 64, "init": "lin"},
    "s5": {"d_state": 64},
    "attention": {"n_heads": 2},
}
RATES = {
    ("dlr", 1): 5e-3,
    ("dlr", 6): 3e-3,
    ("s4d", 1): 1e-2,
    ("s5", 1): 1e-2,
    ("attention", 1): 1e-2,
    ("attention", 2): 5e-3,
}
SOURCE = (
    "task of Gupta et al. 2022, DLR: there 128 channels, length 4096 (512 for more than one layer), at least "
    "172,800 sequences; settings ours, the learning rates found on seed 0 of shift, cummax and reverse"
)


def _experiment(task: str, layer: str, n_layers: int, lr: float) -> Experiment:
    return Experiment(
        task=task,
        task_args={"length": LENGTH},
        model={
            "d_model": 32,
            "n_layers": n_layers,
            "layer": layer,
            "layer_args": LAYERS[layer],
            "pooling": "none",
            "prenorm": False,
        },
        steps=1000 if n_layers == 1 else 600,
        batch_size=16,
        lr=lr,
        ssm_lr=lr,
        weight_decay=0.0,
        warmup=50,
        eval_every=250,
        save_every=1000 if n_layers == 1 else 600,
        seeds=(0, 1, 2),
        source=SOURCE,
        paper="R^2 by task not obtained",
    )


EXPERIMENTS = {
    f"atomic-{task.replace('_', '-')}-{layer}-{n_layers}": _experiment(
        task, layer, n_layers, lr
    )
    for task in atomic.TASKS
    for (layer, n_layers), lr in RATES.items()
}
