"""Widgets of the book: each computes and draws in the browser, so it moves with no Python behind it.

Imported only where a page shows a widget; the layers need neither `anywidget` nor `matplotlib`.
"""

from ssm_lib.widgets.another_clock import AnotherClock
from ssm_lib.widgets.atomic_tasks import AtomicTasks
from ssm_lib.widgets.cost_model import CostModel
from ssm_lib.widgets.echo import Echo
from ssm_lib.widgets.eigenvalue_laws import EigenvalueLaws
from ssm_lib.widgets.eigenvalue_pair import EigenvaluePair
from ssm_lib.widgets.hippo_memory import HippoMemory
from ssm_lib.widgets.kernel_explorer import KernelExplorer
from ssm_lib.widgets.memory_explorer import MemoryExplorer
from ssm_lib.widgets.one_step import OneStep
from ssm_lib.widgets.padding import Padding
from ssm_lib.widgets.rank_one import RankOne
from ssm_lib.widgets.receptive_field import ReceptiveField
from ssm_lib.widgets.scan_tree import ScanTree
from ssm_lib.widgets.softmax_mode import SoftmaxMode

__all__ = [
    "AnotherClock",
    "CostModel",
    "AtomicTasks",
    "Echo",
    "EigenvalueLaws",
    "EigenvaluePair",
    "HippoMemory",
    "KernelExplorer",
    "MemoryExplorer",
    "OneStep",
    "Padding",
    "RankOne",
    "ReceptiveField",
    "ScanTree",
    "SoftmaxMode",
]
