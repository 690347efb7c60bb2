"""Executes the chapters, several at once, into the cache from which Jupyter Book then reads.

Jupyter Book's own cache does not notice a changed library, and executes a chapter again for a changed alt text.
Here the cache is emptied when the library's hash changes, and outputs are kept while the code is the same.
"""

import asyncio
import os
import re
import shutil
import time
from pathlib import Path

import nbformat
import yaml
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from tools import fingerprint
from tools.steps import say

# One thread a kernel: the same numbers on every machine and in the tests, and chapters run side by side.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JUPYTER_PLATFORM_DIRS": "1"}
CELL_TIMEOUT = 300
ANSI = re.compile(r"\x1b\[[0-9;]*m")


def chapters(root: Path) -> list[Path]:
    """The notebooks named in _toc.yml, in reading order."""
    found: list[Path] = []

    def walk(node):
        if isinstance(node, dict):
            for key, value in node.items():
                path = root / f"{value}.ipynb" if key in ("root", "file") else None
                if path and path.is_file():
                    found.append(path)
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(yaml.safe_load((root / "_toc.yml").read_text(encoding="utf8")))
    return found


def open_cache(root: Path):
    """The cache of executed notebooks; empty if it was filled with another library."""
    folder = root / "_build" / ".jupyter_cache"
    marker = folder / "library.sha256"
    current = fingerprint.library(root)
    if folder.exists() and (not marker.is_file() or marker.read_text() != current):
        say("chapters: the library changed, so all are executed again")
        shutil.rmtree(folder)
    cache = get_cache(folder)
    cache.db  # noqa: B018 - makes the folder
    marker.write_text(current)
    return cache


def store(cache, path: Path, notebook, seconds: float) -> None:
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def is_fresh(cache, path: Path) -> bool:
    """Whether the cache holds this notebook's outputs; those of the same code with other metadata are taken over."""
    notebook = nbformat.read(path, 4)
    try:
        cache.match_cache_notebook(notebook)
        return True
    except KeyError:
        pass
    ours = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for record in cache.list_cache_records():
        kept = cache.get_cache_bundle(record.pk).nb if record.uri == str(path) else None
        if kept and [cell.source for cell in kept.cells] == [cell.source for cell in ours]:
            for old, new in zip(kept.cells, ours, strict=True):
                old.metadata = new.metadata
            kept.metadata.kernelspec = notebook.metadata.kernelspec
            store(cache, path, kept, record.data.get("execution_seconds", 0.0))
            return True
    return False


def describe_failure(path: Path, root: Path, notebook, error: Exception) -> str:
    """The notebook's name, the cell that failed (number and source) and the traceback."""
    name = path.relative_to(root).as_posix()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    failed = [cell for cell in code if any(o.output_type == "error" for o in cell.get("outputs", []))]
    if not failed:  # a time-out or a dead kernel leaves no error output: it was the last cell that started
        failed = [cell for cell in code if cell.execution_count or cell.get("outputs")][-1:] or code[:1]
        traceback = f"{type(error).__name__}: {error}"
    else:
        output = next(o for o in failed[0].outputs if o.output_type == "error")
        traceback = ANSI.sub("", "\n".join(output.traceback) or f"{output.ename}: {output.evalue}")
        if isinstance(error, CellTimeoutError):
            traceback = f"CellTimeoutError: it ran for more than {CELL_TIMEOUT} s\n{traceback}"
    if not failed:
        return f"{name} failed: {type(error).__name__}: {error}"
    source = "\n".join(f"    {line}" for line in failed[0].source.splitlines())
    number = code.index(failed[0]) + 1
    return f"{name} failed in code cell {number} of {len(code)}:\n\n{source}\n\n{traceback}"


async def execute(path: Path, root: Path, cache, slots: asyncio.Semaphore) -> str:
    """Execute one chapter in its own folder; return a description of its failure, or nothing."""
    name = path.relative_to(root).as_posix()
    async with slots:
        say(f"chapters: {name} …")
        notebook, start = nbformat.read(path, 4), time.monotonic()
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        client = NotebookClient(
            notebook,
            timeout=CELL_TIMEOUT,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},
            record_timing=False,
        )
        try:
            with (root / "_build" / "kernels.log").open("a") as log:  # what kernels say outside of any cell
                await client.async_execute(stderr=log)
        except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
            say(f"chapters: {name} FAILED after {time.monotonic() - start:.1f} s")
            return describe_failure(path, root, notebook, error)
        seconds = time.monotonic() - start
        store(cache, path, notebook, seconds)
        say(f"chapters: {name} executed in {seconds:.1f} s")
        return ""


def execute_all(root: Path) -> list[str]:
    """Bring the cache up to date with every chapter; return the failures."""
    os.environ.update(ENVIRONMENT)
    os.environ.pop("MPLBACKEND", None)  # with a backend of the reader's own, cells would show no figures
    os.environ["IPYTHONDIR"] = str(root / "_build" / "ipython")  # no start-up files of the reader's own
    cache = open_cache(root)
    todo = [path for path in chapters(root) if not is_fresh(cache, path)]
    if not todo:
        say("chapters: all executed before, nothing changed in them")
        return []

    async def run() -> list[str]:
        slots = asyncio.Semaphore(os.cpu_count() or 1)
        return await asyncio.gather(*(execute(path, root, cache, slots) for path in todo))

    return [failure for failure in asyncio.run(run()) if failure]
