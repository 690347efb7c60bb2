"""Runs that take minutes, by name: `python -m ssm_lib record NAME` writes their records."""

from ssm_lib.recipes import s4d_laws, spoken_digits
from ssm_lib.records import Recipe

RECIPES: dict[str, Recipe] = {**spoken_digits.RECIPES, **s4d_laws.RECIPES}
from ssm_lib.recipes import dlr, spoken_digits
from ssm_lib.records import Recipe

RECIPES: dict[str, Recipe] = {**dlr.RECIPES, **spoken_digits.RECIPES}
