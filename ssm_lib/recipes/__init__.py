"""Runs that take minutes, by name: `python -m ssm_lib record NAME` writes their records."""

from ssm_lib.recipes import pendulum, spoken_digits
from ssm_lib.records import Recipe

RECIPES: dict[str, Recipe] = {**pendulum.RECIPES, **spoken_digits.RECIPES}
