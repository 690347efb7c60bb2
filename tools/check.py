"""`make test`: the book built if needed, then every test: library, notebooks, pages, and a browser if there is one."""

import os
import subprocess
import sys

from tools import book, execute
from tools.steps import say

COMMAND = [
    *("--nbval-lax", "--nbval-current-env", "--nbval-cell-timeout", "120"),
    *("-n", "auto", "--dist", "loadscope"),
]
FOLDERS = ["notebooks", "tests"]


def main(arguments: list[str]) -> int:
    status = book.main([])
    if status:
        return status
    say("tests:   library, notebooks, pages")
    environment = os.environ | execute.ENVIRONMENT | {"PYTHONPATH": str(book.ROOT), "MPLBACKEND": "agg"}
    command = [sys.executable, "-m", "pytest", *COMMAND, *FOLDERS, *arguments]
    done = subprocess.run(command, cwd=book.ROOT, env=environment)
    say(
        "tests:   passed"
        if done.returncode == 0
        else f"tests:   FAILED (pytest's exit status {done.returncode})"
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
