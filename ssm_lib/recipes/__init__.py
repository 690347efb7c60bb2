"""Runs by name. `EXPERIMENTS` are plain data that the engine trains: ``python -m ssm_lib train NAME``.
`RECIPES` are all that ``python -m ssm_lib record NAME`` makes a record of, the experiments among them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ssm_lib.engine.config import Experiment
from ssm_lib.recipes import ablations, dlr, papers, pendulum, s4d_laws, small, spoken_digits
from ssm_lib.records import Recipe


def run(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Train the experiment of a record's settings with one seed, in a folder that is then removed.

    Parameters
    ----------
    settings
        As `as_recipe` makes them.
    seed
        The experiment's.

    Returns
    -------
    dict: parameters, steps, history (the rows of the log), test_OBJECTIVE.
    """
    from ssm_lib.engine.folder import RunFolder
    from ssm_lib.engine.session import train

    experiment = Experiment.read({**settings, "seed": seed})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        result = train(path, experiment)
        history = RunFolder(path).rows()
    score = f"test_{result['objective']}"
    return {
        "parameters": result["parameters"],
        "steps": result["step"],
        "history": history,
        score: result[score],
    }


def as_recipe(experiment: Experiment) -> Recipe:
    """An experiment as `ssm_lib.records.record` takes it: its settings, run by the engine for its seeds."""
    plain = experiment.plain()
    settings = {k: v for k, v in plain.items() if k not in ("seed", "seeds", "source")}
    layer = experiment.model.get("layer", "s4d")
    return Recipe(
        task=experiment.task,
        model=layer,
        settings=settings,
        run=run,
        seeds=experiment.seeds,
        source=experiment.source,
    )


EXPERIMENTS: dict[str, Experiment] = {**small.EXPERIMENTS, **papers.EXPERIMENTS}
RECIPES: dict[str, Recipe] = {
    **ablations.RECIPES,
    **dlr.RECIPES,
    **pendulum.RECIPES,
    **s4d_laws.RECIPES,
    **spoken_digits.RECIPES,
    **{name: as_recipe(experiment) for name, experiment in EXPERIMENTS.items()},
}
