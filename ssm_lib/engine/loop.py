"""The training loop of one process: steps, rows of the log, checkpoints.

Each step is a function of the state that the step before left and of the batch with its number. A checkpoint
holds that state whole, and the samples of a batch follow from the seed and the number, so a run that goes on
from a checkpoint repeats, bit for bit, what the killed one did and would have done (on the CPU; on a GPU
with ``deterministic``).
"""

from __future__ import annotations

import itertools
import math
import time
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from ssm_lib.engine import checkpoint, data, snapshot, state
from ssm_lib.engine.config import Experiment, part_size
from ssm_lib.engine.folder import RunFolder
from ssm_lib.objectives import OBJECTIVES, Tally, add_processes, last_steps
from ssm_lib.optim import param_groups
from ssm_lib.tasks.base import Batch, Inputs, Task

SHOWN_EVERY = 0.5  # seconds between two looks at the loss for the progress bar


class Stopped(Exception):
    """The run was asked to end, and has saved where it is."""


class Trainer:
    """One process of a run: its model, its optimizer, and where it is.

    Parameters
    ----------
    fabric
        Launched; see `ssm_lib.engine.fabric.make_fabric`.
    experiment, task, model
        As `ssm_lib.engine.config` checks and makes them; the model new, the same in all processes.
    folder
        Of the run, opened by the first process.
    sharded
        Whether the model's parts are spread over the devices (FSDP).
    workers
        Processes that draw batches, for this one.
    quiet
        Show no progress bar.

    Raises
    ------
    InputError
        If the batch cannot be split over the devices and parts.
    """

    def __init__(
        self,
        fabric: Any,
        experiment: Experiment,
        task: Task,
        model: nn.Module,
        folder: RunFolder,
        sharded: bool = False,
        workers: int = 0,
        quiet: bool = False,
    ) -> None:
        self.fabric, self.experiment, self.task = fabric, experiment, task
        self.folder, self.sharded, self.workers = folder, sharded, workers
        self.quiet = quiet or not fabric.is_global_zero
        self.part_size = part_size(experiment, fabric.world_size)
        self.objective = OBJECTIVES[task.objective]
        groups = _named_groups(model, experiment)
        self.model = fabric.setup_module(model)
        self.bare = self.model._forward_module if sharded else model
        by_name = state.names(self.bare)
        for group in groups:
            group["params"] = [by_name[name] for name in group["params"]]
        self.plain_optimizer = torch.optim.AdamW(groups)
        self.optimizer = fabric.setup_optimizers(self.plain_optimizer)
        self.step, self.seconds, self.stop = 0, 0.0, False
        self.tally = Tally(self.objective)
        state.seed_all(experiment.seed * fabric.world_size + fabric.global_rank)

    def run(self) -> None:
        """Train from where it is to the end.

        Raises
        ------
        FloatingPointError
            If the loss is NaN or infinite. The checkpoints are of steps before it was.
        OSError
            If the last checkpoint cannot be written.
        Stopped
            If `stop` was set meanwhile.
        """
        experiment = self.experiment
        batches = self._batches()
        before, began, looked = self.seconds, time.perf_counter(), 0.0
        shown: dict[str, str] = {}
        self.model.train()
        with tqdm(
            total=experiment.steps,
            initial=self.step,
            unit="step",
            desc=experiment.task,
            disable=self.quiet,
        ) as bar:
            while self.step < experiment.steps:
                self._one_step(batches)
                now = time.perf_counter() - began
                self.seconds = before + now
                if not self.quiet and now - looked > SHOWN_EVERY:
                    looked, shown["loss"] = now, f"{self.tally.mean_loss():.4g}"
                    bar.set_postfix(shown, refresh=False)
                last = self.step == experiment.steps
                if last or self.step % experiment.eval_every == 0:
                    row = self._row()
                    shown[self.task.objective] = f"{row[f'test_{self.task.objective}']:.4g}"
                if last or self.stop or self.step % experiment.save_every == 0:
                    self.save(last)
                bar.update()
                if self.stop and not last:
                    raise Stopped(f"stopped at step {self.step}")

    def _one_step(self, batches: Iterator[Batch]) -> None:
        experiment, world = self.experiment, self.fabric.world_size
        parts = list(itertools.islice(batches, experiment.accumulate))
        # parts may have unlike numbers of labels: each is weighed by what the whole batch counts
        counts = [self.objective.count(y, self.task.d_output) for _, y in parts]
        count = add_processes(torch.stack(counts).sum(0).to(self.fabric.device))
        for part, (inputs, y) in enumerate(map(self.fabric.to_device, parts)):
            unfinished = part < experiment.accumulate - 1
            with self.fabric.no_backward_sync(self.model, enabled=unfinished):
                outputs = call(self.model, inputs, y)
                loss = world * self.objective.part(outputs, y, count)
                self.fabric.backward(loss)  # processes take the mean of their gradients
            self.tally.add(outputs, y, experiment.accumulate * loss)
        factor = learning_rate_factor(self.step, experiment)
        for group in self.plain_optimizer.param_groups:
            group["lr"] = group["peak"] * factor
        if experiment.clip is not None:
            self.fabric.clip_gradients(
                self.model,
                self.optimizer,
                max_norm=experiment.clip,
                error_if_nonfinite=False,
            )
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.step += 1

    def _row(self) -> dict[str, Any]:
        """Measure, write a row of the log, and begin new sums."""
        loss, score = self._finite_total()
        name = self.task.objective
        row = {
            "step": self.step,
            "samples": self.step * self.experiment.batch_size,
            "lr": self.plain_optimizer.param_groups[0]["lr"],
            "loss": loss,
            f"train_{name}": score,
            f"test_{name}": evaluate(self.fabric, self.model, self.task),
            "seconds": round(self.seconds, 3),
        }
        self.tally = Tally(self.objective)
        if self.fabric.is_global_zero:
            self.folder.append(row)
        return row

    def _finite_total(self) -> tuple[float, float]:
        loss, score = self.tally.total()
        if not math.isfinite(loss):
            named = state.names(self.bare).items()
            held = [n for n, p in named if not bool(torch.isfinite(p).all())]
            which = (
                f"not finite: {', '.join(held)}" if held else "all parameters are finite"
            )
            raise FloatingPointError(
                f"the loss is {loss} by step {self.step} ({which}); try a smaller lr, or clip"
            )
        return loss, score

    def save(self, last: bool = False) -> None:
        """Write a checkpoint; a disk that is full is reported, and an error only at the end."""
        if self.tally.tensors:
            self._finite_total()
        tensors, values = snapshot.capture(self)
        if not self.fabric.is_global_zero:
            return
        try:
            checkpoint.save(self.folder.checkpoints, self.step, tensors, values)
        except OSError as error:
            if last:
                raise
            self.folder.report(
                f"no checkpoint at step {self.step}: {error}; the one before stays, training goes on"
            )

    def _batches(self) -> Iterator[Batch]:
        """The parts of the batches from here on that are for this process."""
        world, rank = self.fabric.world_size, self.fabric.global_rank
        start = self.step * self.experiment.accumulate * world + rank
        seed = self.experiment.seed
        parts = data.Parts(self.task, self.part_size, seed, start, world)
        return data.stream(parts, self.workers)


def call(model: nn.Module, inputs: Inputs, y: Tensor) -> Tensor:
    """The model's outputs, of as many of the last steps as the targets have."""
    if isinstance(inputs, Tensor):
        return last_steps(model(inputs), y)
    named = dict(inputs)
    return last_steps(model(named.pop("u"), **named), y)


@torch.no_grad()
def evaluate(fabric: Any, model: nn.Module, task: Task) -> float:
    """The score on the batches to test on, which the processes share; all of them must call this.

    Parameters
    ----------
    fabric, model
        The model set up by it; evaluated in eval mode and left in training mode.
    task
        With its objective.
    """
    objective = OBJECTIVES[task.objective]
    tally, idle = Tally(objective), Tally(objective)
    model.eval()
    rank, world = fabric.global_rank, fabric.world_size
    for batches in data.grouped(task.evaluation(), world):
        # Each process calls the model as often as the others, who would wait for it.
        inputs, y = fabric.to_device(batches[min(rank, len(batches) - 1)])
        (tally if rank < len(batches) else idle).add(call(model, inputs, y), y)
    model.train()
    if not tally.tensors:
        tally.tensors = {n: torch.zeros_like(x) for n, x in idle.tensors.items()}
    return tally.total()[1]


def learning_rate_factor(step: int, experiment: Experiment) -> float:
    """The learning rate of a step (counted from 0) over its peak: a line up, then half a cosine or none."""
    if step < experiment.warmup:
        return (step + 1) / experiment.warmup
    if experiment.schedule == "constant":
        return 1.0
    falling = experiment.steps - experiment.warmup
    return (1 + math.cos(math.pi * (step - experiment.warmup) / falling)) / 2


def _named_groups(model: nn.Module, experiment: Experiment) -> list[dict[str, Any]]:
    """The optimizer's groups with names in the place of parameters, and their peak learning rates."""
    name = {p: n for n, p in state.names(model).items()}
    groups = param_groups(model, experiment.lr, experiment.ssm_lr, experiment.weight_decay)
    return [
        {**g, "params": [name[p] for p in g["params"]], "peak": g["lr"]} for g in groups
    ]
