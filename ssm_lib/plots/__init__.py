"""The book's figures, one call each: labelled axes with units, never told apart by colour alone.

Every function returns a figure that a notebook shows when it is the last value of a cell.
"""

from ssm_lib.plots.convolution import costs, leak, rows
from ssm_lib.plots.curves import kernels, signals, spectrum, views
from ssm_lib.plots.deep import ablation, fields, growth
from ssm_lib.plots.discretization import (
    half_plane,
    loglog,
    rates,
    resampled,
    stability,
    warping,
)
from ssm_lib.plots.dlr import circles, responses
from ssm_lib.plots.dss import lengths, moved
from ssm_lib.plots.irregular import alias, film, influence, tracking, variants
from ssm_lib.plots.linear_systems import (
    bins,
    capacities,
    frequency_response,
    one_future,
    regimes,
    superposition,
)
from ssm_lib.plots.measures import bases, log_curves, past
from ssm_lib.plots.memory import basis, errors, reconstructions, stretched
from ssm_lib.plots.runs import belief, digits, run_curve, training
from ssm_lib.plots.s4 import conditioning, decomposition, nodes, sampled_response
from ssm_lib.plots.s4d import gains, laws, spread, weakly
from ssm_lib.plots.s5 import plans, timescales
from ssm_lib.plots.speed import benchmark, roofline, scaling
from ssm_lib.plots.synthetic import examples, lag_matrices, scores, segmentations

__all__ = [
    "ablation",
    "alias",
    "bases",
    "basis",
    "belief",
    "benchmark",
    "bins",
    "capacities",
    "circles",
    "conditioning",
    "costs",
    "decomposition",
    "digits",
    "errors",
    "fields",
    "examples",
    "film",
    "frequency_response",
    "gains",
    "growth",
    "half_plane",
    "influence",
    "kernels",
    "lag_matrices",
    "laws",
    "leak",
    "lengths",
    "log_curves",
    "loglog",
    "moved",
    "nodes",
    "one_future",
    "past",
    "plans",
    "rates",
    "reconstructions",
    "regimes",
    "resampled",
    "responses",
    "roofline",
    "rows",
    "run_curve",
    "sampled_response",
    "scaling",
    "scores",
    "segmentations",
    "signals",
    "spectrum",
    "spread",
    "stability",
    "stretched",
    "superposition",
    "timescales",
    "tracking",
    "training",
    "variants",
    "views",
    "warping",
    "weakly",
]
