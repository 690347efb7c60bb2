"""DLR's two tasks with a target at every step: subtrees of ListOps by their height, Pathfinder pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ssm_lib.engine.config import Experiment
from ssm_lib.objectives import IGNORED
from ssm_lib.recipes import experiments
from ssm_lib.tasks import listops
from ssm_lib.tasks.base import Task

PICTURES = 4  # whose predicted classes a record keeps


def by_height(inputs: Mapping[str, Tensor], y: Tensor, found: Tensor) -> list[list[int]]:
    """Closing brackets by the height of what they close, and how many of their values were found.

    Parameters
    ----------
    inputs
        u (B, L): tokens of expressions.
    y, found : Tensor (B, L), int64
        Values at closing brackets, `IGNORED` elsewhere; predicted values.

    Returns
    -------
    list of [height, brackets, correct], from height 1 up.
    """
    heights = listops.heights(inputs["u"])[y != IGNORED]
    correct = (found == y)[y != IGNORED]
    every = torch.bincount(heights)
    right = torch.bincount(heights[correct], minlength=len(every))
    return [[h, int(every[h]), int(right[h])] for h in range(1, len(every))]


def pictures(found: Tensor) -> list[list[str]]:
    """Classes (B, R^2), int64, of the first pictures, each as a list of rows: a digit for each pixel."""
    side = round(found.shape[1] ** 0.5)
    rows = found[:PICTURES].reshape(-1, side, side).tolist()
    return [["".join(map(str, row)) for row in picture] for picture in rows]


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """As `ssm_lib.recipes.experiments.run`, with what the model gets right on the test batches.

    Of ListOps that is by_height, as `by_height`; of Pathfinder confusion (classes as rows, predictions as columns)
    and pictures, as `pictures`.
    """
    looks = {"listops-subtrees": _subtrees, "pathfinder-segmentation": _segments}
    return experiments.run(settings, seed, looks[settings["task"]])


def _subtrees(task: Task, model: nn.Module) -> dict[str, Any]:
    heights: dict[int, list[int]] = {}
    for inputs, y, found in _tested(task, model):
        for height, brackets, right in by_height(inputs, y, found):
            row = heights.setdefault(height, [height, 0, 0])
            row[1:] = row[1] + brackets, row[2] + right
    return {"by_height": [heights[h] for h in sorted(heights)]}


def _segments(task: Task, model: nn.Module) -> dict[str, Any]:
    seen = list(_tested(task, model))
    pairs = torch.stack(
        [torch.bincount((3 * y + found).flatten(), minlength=9) for _, y, found in seen]
    )
    confusion = pairs.sum(0).view(3, 3).tolist()
    return {"confusion": confusion, "pictures": pictures(seen[0][2])}


@torch.no_grad()
def _tested(task: Task, model: nn.Module) -> Iterator[tuple[Any, Tensor, Tensor]]:
    """Inputs, labels and predicted labels of the test batches."""
    for inputs, y in task.evaluation():
        named = {"u": inputs} if isinstance(inputs, Tensor) else inputs
        yield inputs, y, model(**named).argmax(-1)


def _experiment(task: str, length: int, layer: str, source: str, **more: Any) -> Experiment:
    layers: dict[str, dict[str, Any]] = {
        "dlr": {"d_state": 256, "dt_min": 1e-3, "dt_max": 1e-1},
        "attention": {"n_heads": 2},
    }
    model: dict[str, Any] = {
        "d_model": 32,
        "n_layers": 2,
        "layer": layer,
        "pooling": "none",
    }
    settings: dict[str, Any] = {
        "task": task,
        "task_args": {"length": length},
        "lr": 5e-3,
        "ssm_lr": 5e-3,
        "weight_decay": 0.0,
        "source": source,
    }
    args = {**layers[layer], **more.pop("layer_args", {})}
    return Experiment(
        **{**settings, **more},
        model={**model, "layer_args": args, "prenorm": "bidirectional" in args},
    )


SUBTREES = (
    "task of Gupta et al. 2022, DLR: there 7,000 to 8,192 tokens, 6 layers of 128 channels, 300,000 steps; "
    "saved notebooks of its repository show about 85.4 % for DLR and 94.2 % for local attention"
)
SEGMENTATION = (
    "task of Gupta et al. 2022, DLR: there pictures of 128 x 128 pixels and more, 5 layers of 128 channels and "
    "more; here our own generator's, of 32 x 32. Its table was not obtained"
)
RECIPES = {
    **{
        f"listops-subtrees-256-{layer}": experiments.as_recipe(
            _experiment(
                "listops-subtrees",
                256,
                layer,
                SUBTREES,
                steps=600,
                batch_size=16,
                warmup=60,
                eval_every=200,
                save_every=600,
            ),
            run,
        )
        for layer in ("dlr", "attention")
    },
    **{
        f"pathfinder-segmentation-32-{layer}": experiments.as_recipe(
            _experiment(
                "pathfinder-segmentation",
                1024,
                layer,
                SEGMENTATION,
                steps=400,
                batch_size=8,
                warmup=40,
                eval_every=200,
                save_every=400,
                layer_args={"bidirectional": True, **chunk},
            ),
            run,
        )
        for layer, chunk in (("dlr", {}), ("attention", {"chunk_size": 256}))
    },
}
