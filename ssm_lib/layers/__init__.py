"""State space layers with one contract: see `ssm_lib.layers.base.SSMLayer`."""

from ssm_lib.layers.base import SSMLayer
from ssm_lib.layers.s4d import S4D

LAYERS: dict[str, type[SSMLayer]] = {"s4d": S4D}

__all__ = ["LAYERS", "S4D", "SSMLayer"]
