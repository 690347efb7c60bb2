"""Convolution kernels of state space models, as matrix products.

`modes` has those of diagonal systems (S4D, DSS, DLR), by the products of `products`; `matrices` has
those of dense and of diagonal plus low-rank systems (LSSL, S4).
"""

from ssm_lib.kernels.matrices import (
    RealSystem,
    cauchy_kernel,
    dplr,
    krylov,
    krylov_transpose,
    real_form,
)
from ssm_lib.kernels.modes import diagonal, dlr, dss
from ssm_lib.kernels.products import powers, vandermonde, vandermonde_transpose

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
