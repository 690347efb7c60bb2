"""The book's figures, one call each: labelled axes with units, never told apart by colour alone.

Every function returns a figure that a notebook shows when it is the last value of a cell.
"""

from ssm_lib.plots.convolution import costs, leak, rows
from ssm_lib.plots.curves import kernels, signals, spectrum, views
from ssm_lib.plots.discretization import (
    half_plane,
    loglog,
    rates,
    resampled,
    stability,
    warping,
)
from ssm_lib.plots.dss import lengths, moved
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
from ssm_lib.plots.s4 import conditioning, decomposition, nodes

__all__ = [
    "bases",
    "costs",
    "leak",
    "basis",
    "belief",
    "bins",
    "capacities",
    "conditioning",
    "decomposition",
    "digits",
    "errors",
    "frequency_response",
    "half_plane",
    "kernels",
    "lengths",
    "log_curves",
    "loglog",
    "moved",
    "nodes",
    "one_future",
    "past",
    "rates",
    "reconstructions",
    "regimes",
    "resampled",
    "rows",
    "run_curve",
    "signals",
    "spectrum",
    "stability",
    "stretched",
    "superposition",
    "training",
    "views",
    "warping",
]
