"""`make alone`: each chapter by itself, as on Colab, with the oldest packages it may meet and with the pinned ones.

A chapter is copied into an empty folder; its set-up cell clones this working tree (a commit made of it, elsewhere)
in place of the publisher's repository, and the kernel is a fresh environment without ssm_lib. A chapter passes if
it runs from top to bottom on that clone and no installed package has changed; those of MAY_BE_ADDED may be added.
The environments are kept in _build/alone. pip's default torch for Linux brings gigabytes: see README.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools import bootstrap, execute, repository
from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
URL = "https://git.example.org/someone/book"  # what the published set-up cells name; git is led elsewhere
CELL_TIMEOUT = 600
MAY_BE_ADDED = {"anywidget", "psygnal", "lightning-fabric", "lightning-utilities", "safetensors"}

# The lower bounds of pyproject.toml; the notebook's side (IPython, traitlets, kernel, widgets) as Colab has it:
# googlecolab/backend-info, pip-freeze.gpu.txt of June 2026. anywidget is left to the set-up cell.
OLDEST = [
    *(
        "torch==2.4.1",
        "numpy==1.26.4",
        "matplotlib==3.8.4",
        "tqdm==4.64.1",
        "scikit-learn==1.3.2",
        "sympy==1.12.1",
    ),
    *(
        "ipywidgets==7.7.1",
        "ipykernel==6.17.1",
        "ipython==7.34.0",
        "traitlets==5.7.1",
        "jupyter_client==7.4.9",
    ),
    "setuptools==75.2.0",
]
PINNED = (
    "torch",
    "numpy",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "tqdm",
    "scikit-learn",
    "scipy",
    "sympy",
    "ipykernel",
)


def environments(root: Path = ROOT) -> dict[str, list[str]]:
    """The requirements of each environment: the oldest versions, and those that requirements.txt pins."""
    lines = (root / "requirements.txt").read_text(encoding="utf8").splitlines()
    pins = [line.split("#")[0].strip() for line in lines]
    newest = list(dict.fromkeys(pin for pin in pins if pin.split("==")[0] in PINNED))
    return {"oldest": OLDEST, "newest": newest}


@dataclass
class Result:
    """What happened to one chapter in one environment: seconds, and what was wrong."""

    chapter: str
    environment: str
    seconds: float
    problems: list[str] = field(default_factory=list)


def git(*arguments: str, cwd: Path) -> str:
    identity = ["-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, *arguments]
    return subprocess.run(command, cwd=cwd, check=True, capture_output=True, text=True).stdout


def publish(root: Path, folder: Path) -> Path:
    """Make `folder` a repository that holds the working tree of `root`, with its address set to URL."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard", cwd=root).split("\0")
    for name in filter(None, names):
        if (root / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes((root / name).read_bytes())
    for path in (folder / "notebooks").glob("*.ipynb"):
        repository.set_in_notebook(path, URL)
    git("init", "--quiet", cwd=folder)
    git("add", ".", cwd=folder)
    git("commit", "--quiet", "-m", "Publish", cwd=folder)
    return folder


def led_to(published: Path) -> dict[str, str]:
    """Environment variables with which git finds URL in a folder, and asks no network."""
    return {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{published.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": URL,
        "GIT_ALLOW_PROTOCOL": "file",
    }


def make_environment(name: str, requirements: list[str], folder: Path) -> tuple[Path, str]:
    """A virtual environment with these packages, made once; its Python and, if that failed, why."""
    venv, stamp = folder / name, folder / f"{name}.stamp"
    python, expected = venv / "bin" / "python", json.dumps([sys.version, *requirements])
    if python.exists() and stamp.is_file() and stamp.read_text() == expected:
        return python, ""
    say(f"alone:   making the environment {name}")
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    log = folder / f"{name}.log"
    log.write_text("")
    problem = bootstrap.make_venv(venv)
    if not problem:
        good, output = bootstrap.pip(python, log, *requirements)
        problem = "" if good else bootstrap.explain(output, log)
    if not problem:
        stamp.write_text(expected)
    return python, problem


def installed(python: Path) -> dict[str, str]:
    """Name -> version of every package that this Python finds."""
    code = "import json, importlib.metadata as m; print(json.dumps({d.name: d.version for d in m.distributions()}))"
    done = subprocess.run([str(python), "-I", "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def changes(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """What a chapter did to the installed packages and should not have done."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, "nothing"), after.get(name, "nothing")
        if old != new and not (old == "nothing" and name in MAY_BE_ADDED):
            found.append(f"it changed an installed package: {name}, before {old}, after {new}")
    return found


def run_chapter(path: Path, python: Path, published: Path, folder: Path) -> list[str]:
    """Run one notebook in an empty folder; return what went wrong."""
    kernels, desk = folder / "jupyter" / "kernels" / "alone", folder / "desk"
    kernels.mkdir(parents=True)
    desk.mkdir()
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernels / "kernel.json").write_text(
        json.dumps({"argv": argv, "display_name": "alone", "language": "python"})
    )
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("PYTHONPATH", "VIRTUAL_ENV", "MPLBACKEND")
    }
    own = {
        "HOME": str(folder),
        "PYTHONNOUSERSITE": "1",
        "OMP_NUM_THREADS": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    (desk / path.name).write_bytes(path.read_bytes())
    client = NotebookClient(
        notebook, timeout=CELL_TIMEOUT, kernel_name="alone", resources={"metadata": {"path": str(desk)}}
    )
    os.environ |= {"JUPYTER_PATH": str(folder / "jupyter"), "JUPYTER_PLATFORM_DIRS": "1"}
    before = installed(python)
    try:
        with (folder / "kernel.log").open("w") as log:
            client.execute(env=kept | own | led_to(published), stderr=log)
        problems = []
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        problems = [execute.describe_failure(path, path.parents[1], notebook, error)]
    if not (desk / "ssm-src" / "ssm_lib" / "__init__.py").is_file():
        problems.append("its set-up cell cloned no ssm_lib: was it found somewhere else?")
    return problems + changes(before, installed(python))


def table(results: list[Result], versions: dict[str, dict[str, str]]) -> str:
    """Chapters by environments, in Markdown: seconds, or FAILED."""
    names = list(versions)
    rows = ["| chapter | " + " | ".join(names) + " |", "|---" * (len(names) + 1) + "|"]
    for chapter in dict.fromkeys(result.chapter for result in results):
        cells = []
        for name in names:
            found = [r for r in results if (r.chapter, r.environment) == (chapter, name)]
            cells += [f"{'FAILED, ' if r.problems else ''}{r.seconds:.0f} s" for r in found] or ["not run"]
        rows.append(f"| {chapter} | " + " | ".join(cells) + " |")
    for name, packages in versions.items():
        shown = ("torch", "numpy", "matplotlib", "ipywidgets", "anywidget", "ipython")
        rows.append(f"\n{name}: " + ", ".join(f"{key} {packages.get(key, 'absent')}" for key in shown))
    return "\n".join(rows)


def chosen(names: list[str], root: Path) -> list[Path]:
    """The chapters named by their file, its stem or its number; all if none is named."""
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    if not names:
        return paths
    found = [path for path in paths if {path.name, path.stem, path.stem.split("_")[0]} & set(names)]
    for name in names:
        if not any(name in (path.name, path.stem, path.stem.split("_")[0]) for path in paths):
            raise ValueError(f"no chapter {name!r}: there are {', '.join(path.stem for path in paths)}")
    return found


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    available = environments(root)
    parser = argparse.ArgumentParser(prog="make alone", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="as 05 or 05_long_convolutions; all by default")
    parser.add_argument("--environment", choices=available, action="append", help="all by default")
    options = parser.parse_args(arguments)
    folder, results, versions = root / "_build" / "alone", [], {}
    try:
        paths = chosen(options.chapters, root)
    except ValueError as error:
        return fail(str(error))
    with tempfile.TemporaryDirectory(prefix="alone-") as scratch:
        published = publish(root, Path(scratch) / "published")
        for name in options.environment or available:
            python, problem = make_environment(name, available[name], folder)
            if problem:
                return fail(problem)
            for path in paths:
                start, place = time.monotonic(), Path(scratch) / name / path.stem
                problems = run_chapter(published / "notebooks" / path.name, python, published, place)
                result = Result(path.stem, name, time.monotonic() - start, problems)
                results.append(result)
                say(
                    f"alone:   {name} {path.stem}: {'FAILED' if problems else 'passed'} in {result.seconds:.0f} s"
                )
                print("".join(f"\n{problem}\n" for problem in problems), end="", flush=True)
            versions[name] = installed(python)
    report = table(results, versions)
    (folder / "report.md").write_text(report + "\n", encoding="utf8")
    print(f"\n{report}\n")
    failed = [f"{result.chapter} ({result.environment})" for result in results if result.problems]
    return fail(f"{len(failed)} of {len(results)} failed: {', '.join(failed)}") if failed else 0


if __name__ == "__main__":
    sys.exit(main())
