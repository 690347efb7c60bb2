"""One training run as plain data: read, changed key by key, and checked before anything is done."""

from __future__ import annotations

import dataclasses
import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from ssm_lib.engine.errors import InputError, unknown
from ssm_lib.models import SEQUENCE_LAYERS, SequenceModel
from ssm_lib.objectives import OBJECTIVES
from ssm_lib.tasks.base import Task
from ssm_lib.tasks.registry import TASKS

SCHEDULES = ("cosine", "constant")
GIVEN = ("d_input", "d_output", "vocabulary")  # of the model, by the task


@dataclass(frozen=True)
class Experiment:
    """A task, a model, an optimizer, a seed: all that the numbers of a run depend on.

    Parameters
    ----------
    task
        A key of `ssm_lib.tasks.registry.TASKS`.
    model
        Arguments of `ssm_lib.SequenceModel`, but for sizes that the task sets; or of what the task builds.
    task_args
        Of the task: its length and whatever else it takes.
    steps
        Steps of the optimizer.
    batch_size
        Sequences for each of them, over all devices and parts.
    lr, ssm_lr, weight_decay
        Of `ssm_lib.optim.param_groups`, at the peak; AdamW.
    warmup
        Steps in which the learning rates rise to their peak.
    schedule
        ``"cosine"`` to 0 over the remaining steps, or ``"constant"``.
    accumulate
        Parts that a device computes its share of a batch in, one after the other.
    clip
        Largest norm of the gradient; None: any.
    seed
        Of the parameters, the samples and the dropout.
    eval_every, save_every
        Steps between two rows of the log, and between two checkpoints. Both also happen at the end.
    seeds
        For a record: one run for each.
    source, paper
        Where the settings come from, and what is reported for them there, with its certainty.
    """

    task: str
    model: Mapping[str, Any] = field(default_factory=dict)
    task_args: Mapping[str, Any] = field(default_factory=dict)
    steps: int = 1000
    batch_size: int = 32
    lr: float = 1e-3
    ssm_lr: float = 1e-3
    weight_decay: float = 0.01
    warmup: int = 0
    schedule: str = "cosine"
    accumulate: int = 1
    clip: float | None = None
    seed: int = 0
    eval_every: int = 100
    save_every: int = 100
    seeds: tuple[int, ...] = (0,)
    source: str = ""
    paper: str = ""

    def plain(self) -> dict[str, Any]:
        """As JSON reads it back."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Experiment:
        """From `plain`; InputError on keys and types that do not fit."""
        hints = typing.get_type_hints(cls)
        for key, value in values.items():
            if key not in hints:
                raise unknown("key", key, hints)
            _typed(key, value, hints[key])
        if "seeds" in values:
            values = {**values, "seeds": tuple(values["seeds"])}
        return cls(**values)

    def with_set(self, assignments: Sequence[str]) -> Experiment:
        """Changed by ``key=value``; ``task.``, ``model.`` and ``layer.`` reach what is inside of them.

        Values are JSON, or else words: ``lr=1e-2``, ``clip=null``, ``layer.init=lin``.
        """
        values = self.plain()
        inside = {
            "task": values["task_args"],
            "model": values["model"],
            "layer": values["model"].setdefault("layer_args", {}),
        }
        for assignment in assignments:
            key, equals, text = assignment.partition("=")
            if not equals:
                raise InputError(f"--set takes key=value, got {assignment!r}")
            first, dot, rest = key.partition(".")
            if dot and first not in inside:
                raise unknown("key", key, [f"{name}." for name in inside])
            place = inside[first] if dot else values
            place[rest if dot else key] = _value(text)
        if not inside["layer"]:
            del values["model"]["layer_args"]
        return Experiment.read(values)

    def with_layer(self, layer: str) -> Experiment:
        """The same model of another layer; of the layer's own arguments, those stay that both take."""
        if layer not in SEQUENCE_LAYERS:
            raise unknown("model", layer, SEQUENCE_LAYERS)
        takes = inspect.signature(SEQUENCE_LAYERS[layer]).parameters
        before = self.model.get("layer_args", {})
        kept = before if layer == self.model.get("layer", "s4d") else {}
        kept = kept or {k: v for k, v in before.items() if k in takes and k in SHARED}
        return dataclasses.replace(
            self, model={**self.model, "layer": layer, "layer_args": kept}
        )


SHARED = ("d_state", "bidirectional")  # mean the same in every layer that takes them


def checked(experiment: Experiment) -> Experiment:
    """Return the experiment if its numbers and names can be meant, else raise InputError."""
    for name in ("steps", "batch_size", "accumulate", "eval_every", "save_every"):
        if getattr(experiment, name) < 1:
            raise InputError(f"{name} must be at least 1, got {getattr(experiment, name)}")
    for name in ("lr", "ssm_lr", "weight_decay"):
        value = getattr(experiment, name)
        if not (math.isfinite(value) and value >= 0):
            raise InputError(f"{name} must be a number of at least 0, got {value}")
    if experiment.clip is not None and not experiment.clip > 0:
        raise InputError(f"clip must be positive or null, got {experiment.clip}")
    if not 0 <= experiment.warmup < experiment.steps:
        raise InputError(
            f"warmup must lie in 0 .. steps - 1 = {experiment.steps - 1}, got {experiment.warmup}"
        )
    if experiment.schedule not in SCHEDULES:
        raise unknown("schedule", experiment.schedule, SCHEDULES)
    if not experiment.seeds:
        raise InputError("seeds is empty; a record needs one at least")
    return experiment


def part_size(experiment: Experiment, processes: int) -> int:
    """Sequences that one process computes at once; InputError if a batch cannot be split so."""
    parts = processes * experiment.accumulate
    if experiment.batch_size % parts:
        raise InputError(
            f"batch_size {experiment.batch_size} cannot be split over {processes} devices in "
            f"{experiment.accumulate} parts each: choose a multiple of {parts}"
        )
    return experiment.batch_size // parts


def make_task(experiment: Experiment) -> Task:
    """The experiment's task; InputError if there is none of that name, or it cannot be so."""
    if experiment.task not in TASKS:
        raise unknown("task", experiment.task, TASKS)
    make = TASKS[experiment.task]
    _known(make, experiment.task_args, f"key of the task {experiment.task}", "task.")
    try:
        task = make(**experiment.task_args)
    except (ValueError, TypeError, ImportError, OSError) as error:
        raise InputError(str(error)) from error
    if task.objective not in OBJECTIVES:
        raise unknown("objective", task.objective, OBJECTIVES)
    return task


def make_model(experiment: Experiment, task: Task) -> nn.Module:
    """A new model, with random parameters; InputError if its arguments cannot be so.

    A task that needs more than an encoder and a decoder around the layers has a method
    ``build_model(**model)``.
    """
    build = getattr(task, "build_model", None)
    try:
        if build is not None:
            _known(build, experiment.model, "key of the model", "model.")
            return build(**experiment.model)
        _known(SequenceModel, experiment.model, "key of the model", "model.", GIVEN)
        layer = experiment.model.get("layer", "s4d")
        if layer not in SEQUENCE_LAYERS:
            raise unknown("model", layer, SEQUENCE_LAYERS)
        arguments = experiment.model.get("layer_args", {})
        _known(
            SEQUENCE_LAYERS[layer],
            arguments,
            f"key of the layer {layer}",
            "layer.",
            ("d_model",),
        )
        model = SequenceModel(
            d_input=task.d_input,
            d_output=task.d_output,
            vocabulary=task.vocabulary,
            **experiment.model,
        )
    except InputError:
        raise
    except (ValueError, TypeError) as error:
        raise InputError(str(error)) from error
    _, y = next(iter(task.train_batches(1, experiment.seed)))
    each_step = y.ndim > (1 if OBJECTIVES[task.objective].labels else 2)
    if each_step != (model.pooling == "none"):
        wanted = "none" if each_step else "mean"
        raise InputError(
            f"{experiment.task} has targets for {'every step' if each_step else 'a whole sequence'}: "
            f"set model.pooling={wanted}, got {model.pooling!r}"
        )
    return model


def _known(
    function: Callable[..., Any],
    values: Mapping[str, Any],
    kind: str,
    prefix: str,
    but: Sequence[str] = (),
) -> None:
    """Raise InputError unless all values are arguments of a function, of the types that it declares."""
    target = function.__init__ if inspect.isclass(function) else function
    hints = typing.get_type_hints(target)
    names = [n for n in inspect.signature(function).parameters if n not in but]
    for key, value in values.items():
        if key not in names:
            raise unknown(kind, key, names)
        if key in hints:
            _typed(prefix + key, value, hints[key])


def _typed(name: str, value: Any, hint: Any) -> None:
    """Raise InputError if plain data is not of a type: a number, word, list or dict."""
    if not _fits(value, hint):
        expected = str(hint) if typing.get_origin(hint) else hint.__name__
        for long, short in (
            ("collections.abc.", ""),
            ("typing.", ""),
            ("NoneType", "null"),
            ("None", "null"),
        ):
            expected = expected.replace(long, short)
        raise InputError(f"{name} must be {expected}, got {json.dumps(value)}")


def _fits(value: Any, hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, each) for each in typing.get_args(hint))
    if origin is typing.Literal:
        return value in typing.get_args(hint)
    kind = origin or hint
    if kind in (Any, object):
        return True
    if kind is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if kind in (tuple, list) or (inspect.isclass(kind) and kind is Sequence):
        each = next(iter(typing.get_args(hint)), Any)
        return isinstance(value, list | tuple) and all(_fits(v, each) for v in value)
    return isinstance(value, kind)


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
