"""State space layers with one contract: see `ssm_lib.layers.base.SSMLayer`."""

from collections.abc import Callable

from ssm_lib.layers.base import SSMLayer
from ssm_lib.layers.dlr import DLR
from ssm_lib.layers.dss import DSS
from ssm_lib.layers.lssl import LSSL
from ssm_lib.layers.s4 import S4
from ssm_lib.layers.s4d import S4D
from ssm_lib.layers.s5 import S5

# Called with d_model, d_state and a layer's own words: the base class would take other arguments.
LAYERS: dict[str, Callable[..., SSMLayer]] = {
    "lssl": LSSL,
    "s4": S4,
    "dss": DSS,
    "s4d": S4D,
    "s5": S5,
    "dlr": DLR,
}

__all__ = ["DLR", "DSS", "LAYERS", "LSSL", "S4", "S4D", "S5", "SSMLayer"]
