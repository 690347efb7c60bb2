"""Measure the library on this machine: `python -m ssm_lib bench`, or `make bench`.

Each row holds the library against the formula, the loop or the other library that it replaces, in one
run: time, ratio, peak of memory, error against float64, and how near the floor of the machine it comes.
"""

from ssm_lib.bench.measure import Rates, Row, Side, Work, compare, rates
from ssm_lib.bench.rows import FULL, QUICK, Sizes, rows

__all__ = [
    "FULL",
    "QUICK",
    "Rates",
    "Row",
    "Side",
    "Sizes",
    "Work",
    "compare",
    "rates",
    "rows",
]
