"""`book/results.md`: every record of `book/results/` as a row, beside what the paper reports and what differs.

No number stands here: ours are read from the records, and a paper's are named by the recipe that made the record.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import one_hot

from ssm_lib import records
from ssm_lib.objectives import IGNORED, OBJECTIVES
from ssm_lib.recipes import RECIPES
from ssm_lib.tasks import atomic, digits, pendulum, spoken_digits
from ssm_lib.tasks.registry import TASKS

PAGE = "book/results.md"
ATOMIC = re.compile(r"atomic-(?P<task>.+)-(?P<model>[a-z0-9]+-\d)$")
COLUMNS = {
    "dlr-1": "DLR, 1",
    "s4d-1": "S4D, 1",
    "s5-1": "S5, 1",
    "attention-1": "attention, 1",
    "dlr-6": "DLR, 6",
    "attention-2": "attention, 2",
}
UNITS = {"accuracy": ("accuracy", 100, "%", 1), "r2": ("R²", 1, "", 3), "f1": ("macro F1", 100, "%", 1)}
MSE = ("MSE × 10³", 1000, "", 2)

# What a reader sees for the names in a record
NAMES = {
    "legs": "LegS", "lin": "Lin", "inv": "Inv", "real": "Real", "ptd": "PTD", "zoh": "zero-order hold",
    "s4d": "S4D", "s5": "S5", "dlr": "DLR",
}  # fmt: skip
LABELS = {
    "given": "intervals given",
    "appended": "intervals appended to the input",
    "dropped": "intervals dropped",
    "a mask for each step": "a dropout mask for each step",
    "one rate, 0.01": "one learning rate, 0.01",
    "one rate, 0.0025": "one learning rate, 0.0025",
    "… as in 180,000 steps": "the same, as strong as in 180,000 steps",
    "listops-subtrees": "ListOps, a value for every closing bracket",
    "pathfinder-segmentation": "Pathfinder, a class for every pixel",
}

# Targets of the test set, of the records that are not the engine's
TARGETS: dict[str, Callable[[dict[str, Any]], Tensor]] = {
    **dict.fromkeys(
        ("digits-ablations", "digits-causes"),
        lambda settings: digits.load(next(iter(settings["variants"].values()))["n_test"]).test[1],
    ),
    "digits-s4d-laws": lambda settings: digits.load().test[1],
    "pendulum": lambda settings: pendulum.load(settings["films"]["test"], seed=0).y,
    "spoken-digits-s4d": lambda settings: spoken_digits.load().test[1],
    "spoken-digits-s5": lambda settings: spoken_digits.load().test[1],
}

HEAD = """# Results

Every number of this page was printed by a run whose record lies in the repository, in `book/results/`: its settings,
seeds, machine, versions, commit and wall time are there. `python -m ssm_lib record NAME` makes it again. The page is
generated from the records; a test compares each with its recipe.

**Ours** is the mean over the seeds; behind it, after ±, half the distance between the largest and the smallest of
them. One seed has no spread: take it for one try. **Paper** says what the source reports, as far as it could be read;
the runs here are small enough for two CPU cores, and the column says what differs. A small run that misses a
paper's number says nothing against the paper. **Without learning** is the best that one answer, given always, gets on
the same test set: for classes the most common one, for numbers their mean. R² is 0 for it, by definition.
"""


def scores(run: dict[str, Any]) -> dict[tuple[str, str], float]:
    """What a run of a record measured on the test set: (variant, kind of score) -> value."""
    found: dict[tuple[str, str], float] = {}
    for variant in run.get("decays", []):
        decay = f"{variant['decay']:f}".rstrip("0")
        found[f"decay δ = {decay} at the start", "r2"] = variant["test_r2"]
    for name, row in run.get("variants", {}).items():
        found[name, "accuracy"] = row["test_accuracy"]
    for key, value in run.items():
        kind = key.removeprefix("test_")
        if key == "half_rate":
            found |= {(f"half the rate, {name}", "accuracy"): x for name, x in value.items()}
        elif kind in (*UNITS, "mse") and isinstance(value, dict):
            found |= {(name, kind): x for name, x in value.items()}
        elif key.startswith("test_"):
            found["", kind] = value
    if not found:
        raise ValueError(f"no score in a run with {sorted(run)}; expected test_…, mse, decays or variants")
    return found


def targets(record: dict[str, Any]) -> Tensor | None:
    """What the test set of a record asks for: labels, `IGNORED` where there is none, or numbers (..., d)."""
    settings = record.get("settings", {})
    if "task_args" in settings:
        task = TASKS[settings["task"]](**settings["task_args"])
        return torch.cat([y for _, y in task.evaluation()])
    return TARGETS[record["name"]](settings) if record["name"] in TARGETS else None


def without_learning(y: Tensor, kind: str) -> float:
    """Score of the best answer that is the same for all targets."""
    objective = OBJECTIVES[kind]
    if objective.labels:
        counts = y[y != IGNORED].bincount()
        outputs = one_hot(counts.argmax(), len(counts)).double().expand(*y.shape, -1)
    else:
        outputs = y.flatten(0, -2).mean(0).expand_as(y)
    return objective.score(objective.sums(outputs, y))


def words(name: str) -> str:
    """A variant, task or model of a record, as a reader may know it."""
    if name in LABELS:
        return LABELS[name]
    name = re.sub(r" (?=(zoh|bilinear)$)", ", ", name)
    return re.sub(r"\b[a-z]\w*", lambda word: NAMES.get(word[0], word[0]), name).replace("_", "-")


def number(x: float, digits: int) -> str:
    """Rounded, with a minus sign that is one, and none before zero."""
    text = f"{x:.{digits}f}"
    return text.replace("-", "−" if float(text) else "")


def cell(values: list[float], kind: str, named: bool = True) -> str:
    """Mean and half the range, in the unit of the score; a value that is no number is said."""
    name, factor, unit, digits = UNITS.get(kind, MSE)
    scaled = [factor * x for x in values]
    if not all(map(math.isfinite, scaled)):
        return "not finite"
    text = number(sum(scaled) / len(scaled), digits)
    if len(scaled) > 1:
        text += f" ± {number((max(scaled) - min(scaled)) / 2, digits)}"
    return f"{name} {text} {unit}".strip() if named else text


def ours(record: dict[str, Any]) -> Iterator[str]:
    """The measured values of a record, over its seeds."""
    runs = [scores(run) for run in record["runs"]]
    for variant, kind in runs[0]:
        value = cell([run[variant, kind] for run in runs], kind)
        yield f"{words(variant)}: {value}" if variant else value


def constant(record: dict[str, Any]) -> str:
    """What the table says of a record's test set `without_learning`."""
    kind = next(iter(scores(record["runs"][0])))[1]
    if kind == "r2":
        return cell([0.0], kind)
    y = targets(record)
    return "unknown" if y is None else cell([without_learning(y, kind)], kind)


def atomic_table(found: dict[str, dict[str, Any]]) -> list[str]:
    """The eleven atomic tasks, a row each; a column for each model and its number of layers."""
    lines = ["| task | " + " | ".join(COLUMNS.values()) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for task in atomic.TASKS:
        name = task.replace("_", "-")
        row = []
        for model in COLUMNS:
            record = found.get(f"atomic-{name}-{model}")
            runs = [run["test_r2"] for run in record["runs"]] if record else []
            row.append(cell(runs, "r2", named=False) if runs else "not run")
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return lines


def about(record: dict[str, Any]) -> str:
    """Machine, time and commit of a record, and the file itself."""
    seconds = sum(run["seconds"] for run in record["runs"])
    seeds = len(record["runs"])
    return (
        f"{record['device']}, {record['threads']} thread{'s' * (record['threads'] > 1)}, {seeds} "
        f"seed{'s' * (seeds > 1)}, {seconds / 60:.0f} min, commit `{record['commit']}` "
        f"({{download}}`record <results/{record['name']}.json>`)"
    )


def page_text(folder: Path) -> str:
    """The page, from the records in a folder."""
    found = {path.stem: records.load(path.stem, folder) for path in sorted(folder.glob("*.json"))}
    trained = {name: record for name, record in found.items() if record.get("runs")}
    atoms = {name: record for name, record in trained.items() if ATOMIC.match(name)}
    lines = [HEAD, "## The eleven atomic tasks", ""]
    if atoms:
        first = next(iter(atoms.values()))
        lines += ["R² on fresh sequences, three seeds; the number behind a model is that of its layers."]
        lines += [_sentence(first["source"]), "The paper's own R² for each task was not available to us.", ""]
        lines += [*atomic_table(atoms), ""]
        lines += ["{doc}`Chapter 12 </notebooks/12_synthetic_tasks>` reads this table.", ""]
        lines += [f"```{{admonition}} The {len(atoms)} records", ":class: dropdown"]
        links = [f"{{download}}`{name.removeprefix('atomic-')} <results/{name}.json>`" for name in atoms]
        lines += [" · ".join(links), "```", ""]
    lines += ["## Other runs", "", "| run | ours | without learning | paper, and what differs |"]
    lines += ["|---" * 4 + "|"]
    for name, record in trained.items():
        if name not in atoms:
            what = f"**{words(record['task'])}; {words(record['model'])}**<br>`{name}`<br>{about(record)}"
            source = RECIPES[name].source if name in RECIPES else record["source"]
            paper = _sentence(source)
            lines.append(f"| {what} | {'<br>'.join(ours(record))} | {constant(record)} | {paper} |")
    rest = sorted(set(found) - set(trained))
    lines += ["", "## Speed", "", "{doc}`Chapter 14 </notebooks/14_speed>` reads the benchmarks: " + ", ".join(
        f"{{download}}`{name} <results/{name}.json>` (commit `{found[name]['commit']}`)" for name in rest
    ) + ".", ""]  # fmt: skip
    return "\n".join(lines)


def write_page(root: Path) -> int:
    """Write `book/results.md` (untouched if nothing changed); return the number of records."""
    folder = root / "book" / "results"
    path, text = root / PAGE, page_text(folder)
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")
    return len(list(folder.glob("*.json")))


def _sentence(text: str) -> str:
    return (text[:1].upper() + text[1:].rstrip(".") + ".").replace("R^2", "R²")
