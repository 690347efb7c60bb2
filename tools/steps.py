"""One line per step with the seconds since the start, the same for every command. Standard library only."""

import sys
import time

_start = time.monotonic()


def say(text: str) -> None:
    """Print one step: `  12.3 s  text`."""
    print(f"{time.monotonic() - _start:7.1f} s  {text}", flush=True)


def fail(text: str) -> int:
    """Print a plain explanation on stderr and give the exit status 1."""
    sys.stdout.flush()
    print(f"\n{text.strip()}\n", file=sys.stderr, flush=True)
    return 1
