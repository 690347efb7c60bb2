"""`python -m ssm_lib`: train and evaluate recipes, make their records, measure the library on this machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch

from ssm_lib import records
from ssm_lib.bench import FULL, QUICK, measure, report, scaling
from ssm_lib.bench import rows as bench_rows
from ssm_lib.engine import InputError, cli
from ssm_lib.engine.errors import unknown
from ssm_lib.recipes import RECIPES


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the library; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ssm_lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    cli.add_commands(commands)
    command = commands.add_parser(
        "bench", help="the library against the formulas and loops it replaces"
    )
    command.add_argument(
        "--full", action="store_true", help="the sizes of the published figures (minutes)"
    )
    command.add_argument(
        "--device",
        default="cuda" if torch.cuda.is_available() else "cpu",
        help="cpu or cuda",
    )
    command.add_argument(
        "--save", type=Path, metavar="FOLDER", help="write the record there, as JSON"
    )
    command.set_defaults(run=None)
    command = commands.add_parser(
        "record", help="run a recipe and write its record into book/results"
    )
    command.add_argument("recipe", metavar="NAME", help="a name that `list` shows")
    command.add_argument(
        "--folder", type=Path, default=records.FOLDER, help="write the record there"
    )
    command.set_defaults(run=None)
    chosen = parser.parse_args(arguments)
    if chosen.run is not None:
        return chosen.run(chosen)
    if chosen.command == "record":
        try:
            if chosen.recipe not in RECIPES:
                raise unknown("recipe", chosen.recipe, RECIPES)
            print(records.record(chosen.recipe, RECIPES[chosen.recipe], chosen.folder))
        except (InputError, FileNotFoundError) as error:
            parser.error(str(error))
        return 0
    try:
        device = torch.empty(0, device=chosen.device).device
    except (RuntimeError, AssertionError) as error:
        parser.error(f"--device {chosen.device}: {str(error).splitlines()[0]}")
    if chosen.save and not chosen.save.is_dir():
        parser.error(f"--save {chosen.save}: there is no such folder")
    return bench(device, chosen.full, chosen.save)


def bench(device: torch.device, full: bool, folder: Path | None) -> int:
    """Print the table as it grows; write the record if a folder is given."""
    sizes = FULL if full else QUICK
    machine = measure.rates(device)
    about = records.environment(device)
    print(
        f"ssm_lib {about['versions']['ssm_lib']}, torch {about['versions']['torch']}, "
        f"{about['device']}, {about['threads']} threads; float32\n"
        f"B = {sizes.B}, L = {sizes.L}, H = {sizes.H}, N = {sizes.N}; at best "
        f"{machine.float32 / 1e9:.0f} GFLOP/s in float32, {machine.float64 / 1e9:.0f} in float64, "
        f"{machine.bytes / 1e9:.0f} GB/s\n\n{report.HEAD}"
    )
    rows = []
    for row in bench_rows(sizes, machine, device, repeats=5 if full else 3):
        rows.append(row)
        print(report.line(row), flush=True)
    if folder is not None:
        print("\nscaling with L, N and B ...", flush=True)
        points = scaling.points(device, quick=not full)
        print(report.save(folder, device, vars(sizes), machine, rows, points))
    return 0


if __name__ == "__main__":
    sys.exit(main())
