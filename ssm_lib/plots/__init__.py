"""The book's figures, one call each: labelled axes with units, never told apart by colour alone.

Every function returns a figure that a notebook shows when it is the last value of a cell.
"""

from ssm_lib.plots.curves import kernels, signals, spectrum, views
from ssm_lib.plots.runs import belief, digits, training

__all__ = ["belief", "digits", "kernels", "signals", "spectrum", "training", "views"]
