"""Runs by name. `EXPERIMENTS` are plain data that the engine trains: ``python -m ssm_lib train NAME``.
`RECIPES` are all that ``python -m ssm_lib record NAME`` makes a record of, the experiments among them.
"""

from __future__ import annotations

from ssm_lib.engine.config import Experiment
from ssm_lib.recipes import (
    ablations,
    atomic,
    dlr,
    papers,
    pendulum,
    s4d_laws,
    small,
    spoken_digits,
    structured,
)
from ssm_lib.recipes.experiments import as_recipe
from ssm_lib.records import Recipe

EXPERIMENTS: dict[str, Experiment] = {
    **small.EXPERIMENTS,
    **atomic.EXPERIMENTS,
    **papers.EXPERIMENTS,
}
RECIPES: dict[str, Recipe] = {
    **ablations.RECIPES,
    **dlr.RECIPES,
    **pendulum.RECIPES,
    **s4d_laws.RECIPES,
    **spoken_digits.RECIPES,
    **structured.RECIPES,
    **{name: as_recipe(experiment) for name, experiment in EXPERIMENTS.items()},
}
