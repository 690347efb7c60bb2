"""What a checkpoint holds: the state of all processes of a run after a step, and the way back to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ssm_lib.engine import state
from ssm_lib.engine.checkpoint import Checkpoint
from ssm_lib.engine.config import Experiment
from ssm_lib.engine.errors import InputError

if TYPE_CHECKING:
    from ssm_lib.engine.loop import Trainer


def capture(trainer: Trainer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the plain data of a trainer; all processes must call this.

    Returns
    -------
    tensors
        ``model.*`` and ``optimizer.*`` of the run; ``process.R.*`` of each process: its random numbers and
        the sums since the last row of the log.
    data
        The experiment, the step, the samples taken so far, seconds, the groups of the optimizer with
        their learning rates, and what torch's gradient scaler knows.
    """
    tensors, data = state.pack(trainer.bare, trainer.plain_optimizer, trainer.sharded)
    own, own_data = state.random_state(trainer.fabric.device)
    mine = {name: x.cpu() for name, x in own.items()}
    mine |= {f"tally.{name}": x.cpu() for name, x in trainer.tally.tensors.items()}
    everyone = state.gather((mine, own_data))
    for rank, (theirs, _) in enumerate(everyone):
        tensors |= {f"{state.PROCESS}{rank}.{name}": x for name, x in theirs.items()}
    data |= {
        "processes": [theirs for _, theirs in everyone],
        "experiment": trainer.experiment.plain(),
        "step": trainer.step,
        "samples": trainer.step * trainer.experiment.batch_size,
        "seconds": trainer.seconds,
        "scaler": trainer.fabric.strategy.precision.state_dict(),
    }
    return tensors, data


def restore(trainer: Trainer, found: Checkpoint) -> None:
    """Bring a new trainer to the state of a checkpoint.

    With another number of processes the samples go on as they would have, but dropout draws other numbers.

    Raises
    ------
    InputError
        If the checkpoint is of another experiment.
    """
    check_same(found, trainer.experiment)
    tensors, data = found.tensors, found.data
    try:
        state.unpack(trainer.bare, trainer.plain_optimizer, tensors, data, trainer.sharded)
    except ValueError as error:
        raise InputError(f"{found.path}: {error}") from error
    trainer.step, trainer.seconds = data["step"], data["seconds"]
    if data["scaler"]:
        trainer.fabric.strategy.precision.load_state_dict(data["scaler"])
    saved, rank = len(data["processes"]), trainer.fabric.global_rank
    every = [state.part(tensors, f"{state.PROCESS}{r}.") for r in range(saved)]
    tallies = [state.part(each, "tally.") for each in every]
    if saved == trainer.fabric.world_size:
        state.set_random_state(trainer.fabric.device, every[rank], data["processes"][rank])
        sums = tallies[rank]
    else:
        sums = {name: torch.stack([t[name] for t in tallies]).sum(0) for name in tallies[0]}
        if rank:
            sums = {name: torch.zeros_like(x) for name, x in sums.items()}
        else:
            trainer.folder.report(
                f"saved by {saved} processes, resumed by {trainer.fabric.world_size}: the samples go on, "
                "dropout draws other numbers"
            )
    device = trainer.fabric.device
    trainer.tally.tensors = {name: x.to(device) for name, x in sums.items()}


def check_same(found: Checkpoint, experiment: Experiment) -> None:
    """Raise InputError if a checkpoint is of another experiment; it says what differs."""
    theirs, ours = found.data["experiment"], experiment.plain()
    differ = [
        f"{key} is {_short(theirs.get(key))} there and {_short(ours.get(key))} here"
        for key in sorted(theirs.keys() | ours.keys())
        if theirs.get(key) != ours.get(key)
    ]
    if differ:
        raise InputError(
            f"{found.path} is a checkpoint of another model or run: {'; '.join(differ)}"
        )


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
