"""HiPPO: systems whose state is a summary of the past.

`matrices` has the systems and their normal plus low-rank form, `perturbed` the diagonal form of systems
near them, `projection` what their states mean.
"""

from ssm_lib.hippo.matrices import MEASURES, initial_dt, low_rank, nplr, transition
from ssm_lib.hippo.perturbed import perturbation, ptd
from ssm_lib.hippo.projection import basis, project, reconstruct, responses

__all__ = [
    "MEASURES",
    "basis",
    "initial_dt",
    "low_rank",
    "nplr",
    "perturbation",
    "project",
    "ptd",
    "reconstruct",
    "responses",
    "transition",
]
