"""The set-up cell, in an empty folder where ssm_lib is not installed, with the clone led to this working tree."""

import importlib.metadata
import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tools import alone, repository, setup_cell
from tools.alone import URL

CHECK = """
import json, sys
import importlib.metadata as metadata
before = {name: metadata.version(name) for name in ("torch", "numpy", "ipywidgets")}
"""
REPORT = """
import ssm_lib
after = {name: metadata.version(name) for name in before}
import torch
files = {name: str(metadata.distribution(name).locate_file("")) for name in before}
print(json.dumps({"library": ssm_lib.__file__, "before": before, "after": after, "files": files}))
"""


@pytest.fixture(scope="module")
def published(root, tmp_path_factory):
    """A repository that holds the working tree, with its address set."""
    return alone.publish(root, tmp_path_factory.mktemp("published"))


@pytest.fixture
def elsewhere(tmp_path, published):
    """Run code in an empty folder, with every installed package but ssm_lib, and no network for git or pip."""
    folder = tmp_path / "empty folder"
    folder.mkdir()
    site = Path(sysconfig.get_paths()["purelib"])
    packages = tmp_path / "packages"  # links to what is installed, without the editable ssm_lib
    packages.mkdir()
    for path in site.iterdir():
        if "ssm_lib" not in path.name and path.suffix != ".pth":
            (packages / path.name).symlink_to(path)

    def run(source, hide=(), **environment):
        for name in hide:
            for path in packages.glob(f"{name}*"):
                path.unlink()
        script = folder / "chapter.py"
        script.write_text(source)
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "PYTHONPATH": str(packages),
            "OMP_NUM_THREADS": "1",
            "PIP_NO_INDEX": "1",
            **alone.led_to(published),
        }
        return subprocess.run(
            [sys.executable, "-S", script.name],
            cwd=folder, env=settings | environment, capture_output=True, text=True, timeout=300,
        )  # fmt: skip

    run.folder, run.packages = folder, packages
    return run


def test_clones_and_touches_nothing(elsewhere):
    done = elsewhere(CHECK + setup_cell.source(URL) + REPORT)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert Path(report["library"]) == elsewhere.folder / "ssm-src" / "ssm_lib" / "__init__.py"
    assert report["before"] == report["after"]
    assert report["before"] == {name: importlib.metadata.version(name) for name in report["before"]}
    again = elsewhere(CHECK + setup_cell.source(URL) + REPORT)
    assert again.returncode == 0, "a second run must use the first one's clone: " + again.stderr


def test_unset_repository_is_refused_before_any_clone(elsewhere):
    done = elsewhere(setup_cell.source(repository.PLACEHOLDER), GIT_TRACE=str(elsewhere.folder / "trace"))
    assert done.returncode != 0
    assert "RuntimeError: No ssm_lib here: first run make set-repository" in done.stderr
    assert not (elsewhere.folder / "trace").exists(), "git was called"
    assert sorted(p.name for p in elsewhere.folder.iterdir()) == ["chapter.py"]


@pytest.mark.parametrize("place", [".", ".."])
def test_library_beside_the_notebook_is_found(elsewhere, published, place):
    (elsewhere.folder / place / "ssm_lib").symlink_to(published / "ssm_lib")
    done = elsewhere(CHECK + setup_cell.source(repository.PLACEHOLDER) + REPORT)
    assert done.returncode == 0, done.stderr
    assert not (elsewhere.folder / "ssm-src").exists()


def test_missing_anywidget_is_installed_and_nothing_else_changes(elsewhere, tmp_path):
    """pip is a stand-in that notes how it was called and puts anywidget there, as pip would."""
    pip = tmp_path / "packages" / "pip"
    pip.unlink()
    pip.mkdir()
    (pip / "__init__.py").write_text("")
    (pip / "__main__.py").write_text(
        "import pathlib, sys\n"
        "pathlib.Path('pip-calls').open('a').write(' '.join(sys.argv[1:]) + '\\n')\n"
        f"pathlib.Path({str(tmp_path / 'packages' / 'anywidget.py')!r}).write_text('')\n"
    )
    source = CHECK + setup_cell.source(URL) + REPORT + "\nimport anywidget"
    done = elsewhere(source, hide=["anywidget"])
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["before"] == report["after"]
    calls = (elsewhere.folder / "pip-calls").read_text().splitlines()
    assert calls == ["install --no-deps anywidget psygnal"]


@pytest.mark.slow
def test_the_tour_runs_alone(elsewhere, published, tmp_path):
    """The first chapter, whole, as a reader on another machine would run it."""
    path = published / "notebooks" / "00_tour.ipynb"
    first = next(c for c in json.loads(path.read_text(encoding="utf8"))["cells"] if c["cell_type"] == "code")
    assert "".join(first["source"]) == setup_cell.source(URL)
    kernel = (
        tmp_path / "jupyter" / "kernels" / "bare" / "kernel.json"
    )  # as the script's: without the editable ssm_lib
    kernel.parent.mkdir(parents=True)
    argv = [sys.executable, "-S", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    kernel.write_text(json.dumps({"argv": argv, "display_name": "bare", "language": "python"}))
    runner = (
        "import nbformat\n"
        "from nbclient import NotebookClient\n"
        f"notebook = nbformat.read({str(path)!r}, 4)\n"
        "NotebookClient(notebook, timeout=120, kernel_name='bare').execute()\n"
    )
    done = elsewhere(runner, JUPYTER_PATH=str(tmp_path / "jupyter"), JUPYTER_PLATFORM_DIRS="1")
    assert done.returncode == 0, done.stderr[-3000:]
    assert (elsewhere.folder / "ssm-src" / "ssm_lib").is_dir()
