"""Convolution kernels of state space models, as matrix products.

`modes` has those of diagonal systems (S4D, DSS, DLR), `matrices` those of dense and of diagonal plus
low-rank ones (LSSL, S4).
"""

from ssm_lib.kernels.matrices import (
    RealSystem,
    cauchy_kernel,
    dplr,
    krylov,
    krylov_transpose,
    real_form,
)
from ssm_lib.kernels.modes import (
    diagonal,
    dlr,
    dss,
    powers,
    vandermonde,
    vandermonde_transpose,
)

__all__ = [
    "RealSystem",
    "cauchy_kernel",
    "diagonal",
    "dlr",
    "dplr",
    "dss",
    "krylov",
    "krylov_transpose",
    "powers",
    "real_form",
    "vandermonde",
    "vandermonde_transpose",
]
