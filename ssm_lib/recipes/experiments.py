"""Experiments of the engine as recipes for a record: trained in a folder that is then removed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import nn

from ssm_lib.engine.config import Experiment
from ssm_lib.records import Recipe
from ssm_lib.tasks.base import Task

Look = Callable[[Task, nn.Module], dict[str, Any]]
Run = Callable[[Mapping[str, Any], int], dict[str, Any]]


def run(settings: Mapping[str, Any], seed: int, look: Look | None = None) -> dict[str, Any]:
    """Train the experiment of a record's settings with one seed.

    Parameters
    ----------
    settings
        As `as_recipe` makes them.
    seed
        The experiment's.
    look
        Called with the task and the trained model, in eval mode; what it finds becomes part of the record.

    Returns
    -------
    dict: parameters, steps, history (the rows of the log), test_OBJECTIVE, and what `look` returns.
    """
    from ssm_lib.engine import session  # the engine is an extra, and listing needs none
    from ssm_lib.engine.folder import RunFolder

    experiment = Experiment.read({**settings, "seed": seed})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        result = session.train(path, experiment)
        history = RunFolder(path).rows()
        found: dict[str, Any] = {}
        if look is not None:
            _, task, model, _ = session.trained(path)
            found = look(task, model.eval())
    score = f"test_{result['objective']}"
    return {
        "parameters": result["parameters"],
        "steps": result["step"],
        "history": history,
        score: result[score],
        **found,
    }


def as_recipe(experiment: Experiment, run: Run = run) -> Recipe:
    """An experiment as `ssm_lib.records.record` takes it: its settings, run by the engine for its seeds."""
    plain = experiment.plain()
    settings = {k: v for k, v in plain.items() if k not in ("seed", "seeds", "source")}
    return Recipe(
        task=experiment.task,
        model=experiment.model.get("layer", "s4d"),
        settings=settings,
        run=run,
        seeds=experiment.seeds,
        source=experiment.source,
    )
