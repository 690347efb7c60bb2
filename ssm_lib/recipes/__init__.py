"""Runs that take minutes, by name: `python -m ssm_lib record NAME` writes their records."""

from ssm_lib.recipes import dlr, pendulum, s4d_laws, spoken_digits
from ssm_lib.records import Recipe

RECIPES: dict[str, Recipe] = {
    **dlr.RECIPES,
    **pendulum.RECIPES,
    **s4d_laws.RECIPES,
    **spoken_digits.RECIPES,
}
