"""A run from its first step to its result, in one process or many: begun, gone on with, evaluated, exported."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors import torch as safetensors
from torch import nn

from ssm_lib import records
from ssm_lib.engine import checkpoint, loop, snapshot, state
from ssm_lib.engine.config import Experiment, checked, make_model, make_task, part_size
from ssm_lib.engine.errors import InputError
from ssm_lib.engine.fabric import Machine, make_fabric
from ssm_lib.engine.folder import RunFolder
from ssm_lib.models import SequenceModel
from ssm_lib.tasks.base import Task


def say(line: str) -> None:
    """A line for whoever watches, beside the results."""
    print(f"ssm_lib: {line}", file=sys.stderr, flush=True)


def train(
    path: Path,
    experiment: Experiment,
    machine: Machine = Machine(),  # noqa: B008 (frozen)
    recipe: str = "",
    resume: bool = False,
    quiet: bool = False,
) -> dict[str, Any]:
    """Train in a folder to the end and return the result, which is also written there.

    Parameters
    ----------
    path
        Of the run; a new or empty folder, or with `resume` one that holds the same experiment.
    experiment
        What to train.
    machine
        On what.
    recipe
        Its name, for the record.
    resume
        Go on from the last good checkpoint, or from the start if there is none yet.
    quiet
        Show no progress bar.

    Raises
    ------
    InputError
        If the request cannot be met; then nothing was written.
    FloatingPointError, OSError, loop.Stopped
        As `ssm_lib.engine.loop.Trainer.run`.
    """
    task, model = build(experiment)
    fabric = make_fabric(machine)
    fabric.launch()
    part_size(experiment, fabric.world_size)
    folder = RunFolder(path, say)
    found = None
    try:
        with _together(fabric) as first:
            if first and resume:
                found = _reopen(folder, experiment)
            elif first:
                folder.create(_settings(recipe, experiment, machine))
        found = _shared(fabric, found)
        trainer = loop.Trainer(
            fabric,
            experiment,
            task,
            model,
            folder,
            sharded=machine.strategy == "fsdp",
            workers=machine.workers,
            quiet=quiet,
        )
        if found is not None:
            snapshot.restore(trainer, found)
        with _signals(trainer):
            trainer.run()
        return _finish(folder, trainer, recipe) if fabric.is_global_zero else {}
    finally:
        folder.close()


def build(experiment: Experiment) -> tuple[Task, nn.Module]:
    """The task and the new model of an experiment, checked; the model's parameters follow from the seed."""
    checked(experiment)
    task = make_task(experiment)
    state.seed_all(experiment.seed)
    return task, make_model(experiment, task)


def settings(path: Path) -> tuple[Experiment, Machine, str]:
    """The experiment, the machine and the recipe's name of the run in a folder."""
    config = RunFolder(path).config()
    try:
        experiment = Experiment.read(config["experiment"])
        return experiment, Machine(**config["machine"]), config["recipe"]
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{path}/config.json is not of a run that this version knows: {error}"
        ) from error


def trained(
    path: Path, change: Callable[[Experiment], Experiment] | None = None
) -> tuple[Any, ...]:
    """The last good model of a run: (experiment, task, model, step); `change` may give it another task."""
    experiment, _, _ = settings(path)
    found = _latest(RunFolder(path, say))
    if found is None:
        raise InputError(f"{path} holds no checkpoint yet")
    snapshot.check_same(found, experiment)
    experiment = experiment if change is None else change(experiment)
    task, model = build(experiment)
    try:
        state.load_weights(model, state.part(found.tensors, state.MODEL))
    except ValueError as error:
        raise InputError(f"{found.path}: {error}") from error
    return experiment, task, model, found.data["step"]


def evaluate(
    path: Path,
    machine: Machine,
    change: Callable[[Experiment], Experiment] | None = None,
) -> dict[str, Any]:
    """The score of a run's last good checkpoint, on its own task or a changed one."""
    experiment, task, model, step = trained(path, change)
    fabric = make_fabric(machine)
    fabric.launch()
    score = loop.evaluate(fabric, fabric.setup_module(model), task)
    name = f"test_{task.objective}"
    return {
        "run": str(path),
        "step": step,
        "task_args": dict(experiment.task_args),
        name: score,
    }


def export(path: Path, file: Path) -> None:
    """Write the weights of a run's last good checkpoint as safetensors, with the model's config.

    Raises
    ------
    InputError
        If the file is there already, or its folder is not.
    """
    if file.exists():
        raise InputError(f"{file} is there already; choose another name")
    if not file.parent.is_dir():
        raise InputError(f"there is no folder {file.parent}")
    experiment, _, model, step = trained(path)
    about = {"experiment": json.dumps(experiment.plain()), "step": str(step)}
    if isinstance(model, SequenceModel):
        about["config"] = json.dumps(model.config)
    checkpoint.write(file, safetensors.save(model.state_dict(), about))


def load_exported(file: Path) -> SequenceModel:
    """Build the model of an exported file, in eval mode, on the CPU.

    Raises
    ------
    ValueError
        If the file names no config, or holds another model's weights.
    """
    with safe_open(file, "pt") as opened:
        about = opened.metadata() or {}
    if "config" not in about:
        raise ValueError(f"{file} names no config of a SequenceModel")
    model = SequenceModel.from_config(json.loads(about["config"]))
    weights = safetensors.load_file(file)
    model.to(next(iter(weights.values())).dtype)
    state.load_weights(model, weights)
    return model.eval()


def _settings(recipe: str, experiment: Experiment, machine: Machine) -> dict[str, Any]:
    about = records.environment(torch.device("cpu"))
    return {
        "recipe": recipe,
        "experiment": experiment.plain(),
        "machine": dataclasses.asdict(machine),
        **{name: about[name] for name in ("versions", "commit", "date")},
    }


def _latest(folder: RunFolder) -> checkpoint.Checkpoint | None:
    try:
        return checkpoint.latest(folder.checkpoints, folder.report)
    except ValueError as error:
        raise InputError(str(error)) from error


def _reopen(folder: RunFolder, experiment: Experiment) -> checkpoint.Checkpoint | None:
    """Check that the folder's run is this one, and cut its log back to the checkpoint it goes on from."""
    config = folder.open()
    there = checkpoint.Checkpoint(folder.path, {}, {"experiment": config["experiment"]})
    snapshot.check_same(there, experiment)
    found = _latest(folder)
    if found is not None:
        snapshot.check_same(found, experiment)
        checkpoint.set_aside(folder.checkpoints, found.path)
    step = 0 if found is None else found.data["step"]
    folder.report(f"{folder.path} goes on from step {step} of {experiment.steps}")
    folder.keep_rows(step)
    return found


def _shared(
    fabric: Any, found: checkpoint.Checkpoint | None
) -> checkpoint.Checkpoint | None:
    """The first process's checkpoint, in all of them."""
    path = fabric.broadcast(None if found is None else str(found.path))
    if path is None or found is not None:
        return found
    return checkpoint.read(Path(path))


@contextlib.contextmanager
def _together(fabric: Any) -> Iterator[bool]:
    """Whether this is the first process; what is wrong there ends the others too."""
    wrong: InputError | None = None
    try:
        yield fabric.is_global_zero
    except InputError as error:
        wrong = error
    message = fabric.broadcast(None if wrong is None else str(wrong))
    if message is not None:
        raise InputError(message)


@contextlib.contextmanager
def _signals(trainer: loop.Trainer) -> Iterator[None]:
    """Have one process that is asked to end save first; many could not agree on the step."""
    if (
        trainer.fabric.world_size > 1
        or threading.current_thread() is not threading.main_thread()
    ):
        yield
        return

    def ask(*_: Any) -> None:
        trainer.stop = True

    before = {s: signal.signal(s, ask) for s in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _finish(folder: RunFolder, trainer: loop.Trainer, recipe: str) -> dict[str, Any]:
    """Write the result and draw the curve of a run that is at its end."""
    from ssm_lib.plots import run_curve

    rows, objective = folder.rows(), trainer.task.objective
    result = {
        "recipe": recipe,
        "objective": objective,
        "parameters": sum(p.numel() for p in state.names(trainer.bare).values()),
        **(rows[-1] if rows else {"step": trainer.step}),
        **records.environment(trainer.fabric.device),
    }
    folder.finish(result)
    if rows:
        run_curve(rows, objective).savefig(folder.curve_file)
    return result
