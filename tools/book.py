"""`make book`: pages generated, chapters executed, HTML built with every warning an error, address printed.

The build happens in `_build/work`; `_build/html` is replaced only by a build that succeeded.
"""

import argparse
import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools import equations, execute, field_map, fingerprint, results, things
from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
TROUBLE = re.compile(r"WARNING|ERROR|CRITICAL|Traceback|Error:|Exception")


@contextlib.contextmanager
def only_one_build(build: Path):
    """Wait while another `make book` works in the same folder."""
    build.mkdir(exist_ok=True)
    with (build / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("book:    waiting for another build of this folder")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def sphinx(root: Path, work: Path) -> str:
    """Build the HTML into `work`; return what went wrong, or nothing."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    log = root / "_build" / "sphinx.log"
    program = "import sys; from jupyter_book.cli.main import main; sys.exit(main(prog_name='jupyter-book'))"
    command = [sys.executable, "-c", program, "build", ".", "--path-output", str(work)]
    with log.open("w", encoding="utf8") as out:
        done = subprocess.run(
            [*command, "-W", "-n", "--keep-going"],
            cwd=root,
            env=os.environ | {"NO_COLOR": "1", "PYTHONPATH": str(root)},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    if done.returncode == 0:
        return ""
    lines = execute.ANSI.sub("", log.read_text(encoding="utf8", errors="replace")).splitlines()
    trouble = list(dict.fromkeys(line for line in lines if TROUBLE.search(line))) or lines[-15:]
    return "The HTML was not built:\n  " + "\n  ".join(trouble[:40]) + f"\nEverything Sphinx said: {log}"


def title_entrance(html: Path) -> None:
    """Jupyter Book's index.html is a bare redirection: give it a language, a title and a link."""
    index = html / "index.html"
    target = re.search(
        r'<meta http-equiv="Refresh" content="0; url=([^"]+)"', index.read_text(encoding="utf8")
    )
    if target:
        index.write_text(
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>The book</title>\n'
            f'{target[0]}>\n</head>\n<body><a href="{target[1]}">Open the book</a></body>\n</html>\n',
            encoding="utf8",
        )


def replace(old: Path, new: Path) -> None:
    """Put the folder `new` in the place of `old`."""
    aside = old.with_name(old.name + ".before")
    shutil.rmtree(aside, ignore_errors=True)
    if old.exists():
        old.rename(aside)
    new.rename(old)
    shutil.rmtree(aside, ignore_errors=True)


def build(root: Path) -> int:
    """Bring `_build/html` up to date; return the exit status."""
    html, stamp = root / "_build" / "html", root / "_build" / "book.stamp"
    with only_one_build(root / "_build"):
        inputs = fingerprint.book(root)
        if stamp.is_file() and stamp.read_text() == inputs and (html / "index.html").is_file():
            say("book:    nothing changed since the last build")
        else:
            if (root / "ssm_lib").is_dir():
                count = equations.write_page(root)
                say(f"book:    book/equations.md lists {count} equations")
                say(f"book:    {field_map.PAGE} shows {field_map.write_page(root)} systems")
                say(f"book:    {results.PAGE} shows {results.write_page(root)} records")
            problems = execute.execute_all(root)
            if not problems and (root / "ssm_lib").is_dir():
                say(f"book:    {things.PAGE} lists {things.write_page(root)} widgets and exercises")
            if not problems:
                say("book:    building the HTML, every warning an error")
                problems = [problem for problem in [sphinx(root, root / "_build" / "work")] if problem]
            if problems:
                kept = f"\n\nThe earlier build is untouched: {html}/index.html" if html.exists() else ""
                return fail("\n\n".join(problems) + kept)
            built = root / "_build" / "work" / "_build" / "html"
            title_entrance(built)
            replace(html, built)
            stamp.write_text(inputs)
    size = sum(path.stat().st_size for path in html.rglob("*") if path.is_file())
    say(f"book:    {size / 1e6:.1f} MB, {len(list(html.rglob('*.html')))} pages")
    print(f"\nThe book is at {(html / 'index.html').as_uri()}")
    return 0


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, default=ROOT, help="folder with _config.yml and _toc.yml")
    root = parser.parse_args(arguments).root.resolve()
    try:
        return build(root)
    except KeyboardInterrupt:
        return fail("Stopped. What was executed is kept; make book goes on from there.")


if __name__ == "__main__":
    sys.exit(main())
