"""ssm_lib: state space sequence models, from HiPPO to S5 and DLR, as small tested functions and layers.

The functions are in `hippo`, `discretize`, `kernels`, `conv` and `scan`; the layers, all with one
contract, in `layers`; deep models in `models` (of `blocks`) and `retrieval`, training in `optim` and
`train`, data in `tasks`.
Importing `ssm_lib` needs torch and numpy only.
"""

from ssm_lib.layers import DLR, DSS, LAYERS, LSSL, S4, S4D, S5, SSMLayer
from ssm_lib.models import SequenceModel
from ssm_lib.optim import param_groups
from ssm_lib.retrieval import RetrievalModel
from ssm_lib.source import show

__version__ = "0.1.0"
__all__ = [
    "DLR",
    "DSS",
    "LAYERS",
    "LSSL",
    "S4",
    "S4D",
    "S5",
    "RetrievalModel",
    "SSMLayer",
    "SequenceModel",
    "param_groups",
    "show",
]
