"""Devices, strategy and precision by flag, on Lightning Fabric; what the machine cannot do is said in one line.

Tested on the CPU: one process, two with DDP, 32 and 64 bits and bfloat16; and how a model that FSDP spread over
two processes is stored and put back. CUDA, 16 bits, and FSDP as Fabric sets it up are written after the
documentation of Fabric and torch: no test of ours has run them yet.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import torch

from ssm_lib.blocks import Block
from ssm_lib.engine.errors import InputError, unknown

PRECISIONS = {
    "64": "64-true",
    "32": "32-true",
    "bf16": "bf16-mixed",
    "16": "16-mixed",
}
STRATEGIES = ("auto", "ddp", "fsdp")
ACCELERATORS = ("auto", "cpu", "cuda")


@dataclass(frozen=True)
class Machine:
    """Where a run is computed; its numbers should not depend on it, but for rounding and dropout.

    Parameters
    ----------
    devices
        Processes, one device each.
    strategy
        ``"ddp"``: the model on each device; ``"fsdp"``: its parts spread over them (CUDA only);
        ``"auto"``: DDP if there are several.
    precision
        ``"32"``, ``"64"``, or mixed with float32 parameters: ``"bf16"``, ``"16"``.
    accelerator
        ``"cpu"``, ``"cuda"``, or ``"auto"``.
    workers
        Processes that draw batches ahead, for each device; 0: none.
    deterministic
        Ask torch for its deterministic algorithms, on a GPU; slower.
    """

    devices: int = 1
    strategy: str = "auto"
    precision: str = "32"
    accelerator: str = "auto"
    workers: int = 0
    deterministic: bool = False


def make_fabric(machine: Machine) -> Any:
    """A `lightning_fabric.Fabric`, not launched yet.

    Raises
    ------
    InputError
        If Fabric is not installed, or this machine has no such devices or precision.
    """
    try:
        from lightning_fabric import Fabric
        from lightning_fabric.plugins.precision import DoublePrecision, MixedPrecision
        from lightning_fabric.strategies import FSDPStrategy
    except ImportError as error:
        raise InputError(
            f"training needs Lightning Fabric: pip install 'ssm_lib[train]' ({error})"
        ) from error
    if machine.precision not in PRECISIONS:
        raise unknown("precision", machine.precision, PRECISIONS)
    if machine.strategy not in STRATEGIES:
        raise unknown("strategy", machine.strategy, STRATEGIES)
    if machine.accelerator not in ACCELERATORS:
        raise unknown("accelerator", machine.accelerator, ACCELERATORS)
    if machine.devices < 1 or machine.workers < 0:
        raise InputError(
            f"devices must be at least 1 and workers at least 0, got {machine.devices} and {machine.workers}"
        )
    kind = _kind(machine.accelerator)
    _check_devices(machine, kind)
    precision = PRECISIONS[machine.precision]
    strategy: Any = machine.strategy
    if strategy == "fsdp":
        strategy = FSDPStrategy(auto_wrap_policy={Block}, state_dict_type="full")
    elif strategy == "auto" and machine.devices > 1:
        strategy = "ddp"

    class KeepInputs(MixedPrecision):
        """Autocast, but the inputs come as they are: in 16 bits, intervals of time would lose their meaning."""

        def convert_input(self, data: Any) -> Any:
            return data

    class KeepOutputs(DoublePrecision):
        """All in 64 bits, the loss too."""

        def convert_output(self, data: Any) -> Any:
            return data

    arguments: dict[str, Any] = {"precision": precision}
    if precision == "64-true":
        arguments = {"plugins": [KeepOutputs()]}
    if precision.endswith("mixed") and machine.strategy != "fsdp":
        arguments = {
            "plugins": [
                KeepInputs("16-mixed" if precision == "16-mixed" else "bf16-mixed", kind)
            ]
        }
    if machine.deterministic:
        # what cuBLAS needs for it
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        torch.use_deterministic_algorithms(True)
    try:
        return Fabric(
            accelerator=kind, devices=machine.devices, strategy=strategy, **arguments
        )
    except (ValueError, RuntimeError, ImportError) as error:
        raise InputError(str(error).splitlines()[0]) from error


def _kind(accelerator: str) -> str:
    if accelerator != "auto":
        return accelerator
    return "cuda" if torch.cuda.is_available() else "cpu"


def _check_devices(machine: Machine, kind: str) -> None:
    there = torch.cuda.device_count()
    if kind == "cuda" and machine.devices > there:
        raise InputError(
            f"{machine.devices} CUDA devices asked for, and torch finds {there}"
        )
    if machine.strategy == "fsdp" and kind != "cuda":
        raise InputError(f"strategy fsdp needs CUDA devices, and this run is on {kind}")
    if machine.precision == "16" and kind != "cuda":
        raise InputError(
            f"precision 16 needs a CUDA device, and this run is on {kind}; try bf16 or 32"
        )
    if machine.precision == "64" and machine.strategy == "fsdp":
        raise InputError("precision 64 works without fsdp")
    if (
        machine.precision == "bf16"
        and kind == "cuda"
        and not torch.cuda.is_bf16_supported()
    ):
        raise InputError("precision bf16: this GPU has none; try 16 or 32")
