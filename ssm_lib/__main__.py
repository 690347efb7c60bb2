"""`python -m ssm_lib bench`: measure the library on this machine."""

from __future__ import annotations

import argparse
import os
import platform

import torch

from ssm_lib import __version__, bench


def main(arguments: list[str] | None = None) -> int:
    """Run a command of the library; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m ssm_lib", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "bench", help="the library against the formulas and loops it replaces"
    )
    command.add_argument("--length", type=int, default=4096, help="steps L (default 4096)")
    command.add_argument("--channels", type=int, default=64, help="channels H (default 64)")
    chosen = parser.parse_args(arguments)
    for name in ("length", "channels"):
        if getattr(chosen, name) < 1:
            parser.error(f"--{name} must be at least 1, got {getattr(chosen, name)}")
    print(
        f"ssm_lib {__version__}, torch {torch.__version__}, {platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores, {torch.get_num_threads()} threads; float32, "
        f"L = {chosen.length}, H = {chosen.channels}, N = 64"
    )
    print(bench.table(bench.rows(chosen.length, chosen.channels)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
