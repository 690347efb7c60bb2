"""The commands that train: ``train``, ``resume``, ``eval``, ``export``, ``list``; what is wrong takes one line."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ssm_lib.engine.config import Experiment
from ssm_lib.engine.errors import InputError, unknown
from ssm_lib.engine.fabric import ACCELERATORS, PRECISIONS, STRATEGIES, Machine
from ssm_lib.recipes import EXPERIMENTS, RECIPES
from ssm_lib.tasks.registry import TASKS

WRONG, FAILED, INTERRUPTED = 2, 1, 130  # exit statuses
RUNS = Path("runs")


def add_commands(commands: Any) -> None:
    """Add the commands to the parsers of ``python -m ssm_lib``; each names its function as ``run``."""
    command = commands.add_parser("list", help="the recipes: task, model, source")
    command.set_defaults(run=guarded(show_recipes))

    command = commands.add_parser("train", help="train a recipe")
    command.add_argument("recipe", metavar="RECIPE", help="a name that `list` shows")
    command.add_argument("--model", metavar="LAYER", help="another layer, such as s5")
    command.add_argument("--length", type=int, help="another length of the sequences")
    command.add_argument("--seed", type=int, help="another seed")
    _add_set(command)
    command.add_argument("--folder", type=Path, default=RUNS, help="where runs are kept")
    command.add_argument("--name", help="of the run's folder; default: after the recipe")
    command.add_argument(
        "--resume", action="store_true", help="go on if the run is there already"
    )
    _add_machine(command)
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=guarded(train))

    command = commands.add_parser(
        "resume", help="go on with a run from its last checkpoint"
    )
    command.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    _add_machine(command)
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.set_defaults(run=guarded(resume))

    command = commands.add_parser("eval", help="the score of a run's last checkpoint")
    command.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--length", type=int, help="at another length")
    _add_set(command, "of the task only, such as task.lag=3")
    _add_machine(command)
    command.set_defaults(run=guarded(evaluate))

    command = commands.add_parser(
        "export", help="write a run's weights and config as safetensors"
    )
    command.add_argument("folder", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("file", type=Path, metavar="FILE")
    command.set_defaults(run=guarded(export))


def guarded(
    run: Callable[[argparse.Namespace], int],
) -> Callable[[argparse.Namespace], int]:
    """A command that ends on one line and a status instead of a traceback, where the line says it all."""

    def command(chosen: argparse.Namespace) -> int:
        try:
            return run(chosen)
        except InputError as error:
            return _end(error, WRONG)
        except (FloatingPointError, OSError) as error:
            return _end(error, FAILED)

    return command


def show_recipes(chosen: argparse.Namespace) -> int:
    """Print the recipes as a table; those that `record` alone can run are marked."""
    rows = [("recipe", "task", "model", "source")]
    for name, experiment in sorted(EXPERIMENTS.items()):
        there = "" if experiment.task in TASKS else " (not there yet)"
        model = experiment.model.get("layer", "s4d")
        rows.append((name, experiment.task + there, model, experiment.source))
    for name, recipe in sorted(RECIPES.items()):
        if name not in EXPERIMENTS:
            rows.append((f"{name} (record only)", recipe.task, recipe.model, recipe.source))
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for *first, source in rows:
        columns = [word.ljust(width) for word, width in zip(first, widths)]
        print("  ".join([*columns, source]).rstrip())
    return 0


def train(chosen: argparse.Namespace) -> int:
    """Train a recipe, changed by the flags, in a folder of its own."""
    if chosen.recipe not in EXPERIMENTS:
        if chosen.recipe in RECIPES:
            near = difflib.get_close_matches(chosen.recipe, EXPERIMENTS, n=1)
            raise InputError(
                f"{chosen.recipe} is not trained by the engine: use `record {chosen.recipe}`"
                + "".join(f", or train {name}" for name in near)
            )
        raise unknown("recipe", chosen.recipe, EXPERIMENTS)
    experiment = EXPERIMENTS[chosen.recipe]
    name = [chosen.recipe]
    if chosen.model:
        experiment = experiment.with_layer(chosen.model)
        name.append(chosen.model)
    changes = []
    if chosen.length is not None:
        changes.append(f"task.length={chosen.length}")
        name.append(f"length{chosen.length}")
    if chosen.seed is not None:
        changes.append(f"seed={chosen.seed}")
        name.append(f"seed{chosen.seed}")
    experiment = experiment.with_set(changes + chosen.set)
    path = chosen.folder / (chosen.name or "-".join(name))
    machine = _machine(chosen, Machine())
    again = chosen.resume and _session().RunFolder(path).holds_a_run
    return _run(path, experiment, machine, chosen.recipe, again, chosen.quiet)


def resume(chosen: argparse.Namespace) -> int:
    """Go on with a run, on the machine that it was begun on unless flags say otherwise."""
    session = _session()
    experiment, machine, recipe = session.settings(chosen.folder)
    machine = _machine(chosen, machine)
    return _run(chosen.folder, experiment, machine, recipe, True, chosen.quiet)


def evaluate(chosen: argparse.Namespace) -> int:
    """Print the score of a run's last good checkpoint as JSON."""
    session = _session()
    changes = [*chosen.set]
    if chosen.length is not None:
        changes.append(f"task.length={chosen.length}")
    for change in changes:
        if not change.startswith("task."):
            raise InputError(
                f"eval can change the task only (task.key=value), got {change!r}"
            )
    _, machine, _ = session.settings(chosen.folder)
    one = dataclasses.replace(machine, devices=1, strategy="auto", workers=0)
    machine = _machine(chosen, one)
    found = session.evaluate(chosen.folder, machine, lambda e: e.with_set(changes))
    print(json.dumps(found))
    return 0


def export(chosen: argparse.Namespace) -> int:
    """Write the weights of a run's last good checkpoint."""
    session = _session()
    session.export(chosen.folder, chosen.file)
    print(chosen.file)
    return 0


def _run(
    path: Path,
    experiment: Experiment,
    machine: Machine,
    recipe: str,
    again: bool,
    quiet: bool,
) -> int:
    session = _session()
    try:
        result = session.train(path, experiment, machine, recipe, again, quiet)
    except session.loop.Stopped as stopped:
        session.say(f"{stopped}; go on with: python -m ssm_lib resume {path}")
        return INTERRUPTED
    except (FloatingPointError, OSError) as error:
        return _end(f"{path}: {error}", FAILED)
    if result:
        score = f"test_{result['objective']}"
        print(f"{path}: step {result['step']}, {score} {result.get(score)}")
    return 0


def _add_set(command: argparse.ArgumentParser, what: str = "") -> None:
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help=what
        or "another value, such as lr=1e-3, task.lag=3, model.d_model=64, layer.d_state=32",
    )


def _add_machine(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("machine")
    group.add_argument("--devices", type=int, metavar="N", help="devices, one process each")
    group.add_argument("--strategy", choices=STRATEGIES)
    group.add_argument("--precision", choices=tuple(PRECISIONS))
    group.add_argument("--accelerator", choices=ACCELERATORS)
    group.add_argument(
        "--workers", type=int, metavar="N", help="processes that draw batches, per device"
    )
    group.add_argument("--deterministic", action="store_true", default=None)


def _machine(chosen: argparse.Namespace, default: Machine) -> Machine:
    given = {f.name: getattr(chosen, f.name) for f in dataclasses.fields(Machine)}
    return dataclasses.replace(default, **{k: v for k, v in given.items() if v is not None})


def _session() -> Any:
    """The module that trains; it needs packages that the library alone does not."""
    try:
        from ssm_lib.engine import session
    except ImportError as error:
        raise InputError(f"{error}: pip install 'ssm_lib[train]'") from error
    return session


def _end(error: Exception | str, status: int) -> int:
    lines: Sequence[str] = str(error).splitlines() or [type(error).__name__]
    if os.environ.get("LOCAL_RANK", "0") == "0":  # else every process of a run would say it
        print(f"ssm_lib: error: {lines[0]}", file=sys.stderr, flush=True)
    return status
