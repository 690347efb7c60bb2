"""Hashes of what a build depends on: nothing is done twice, and nothing stale is shown."""

import hashlib
import platform
from pathlib import Path

LEFT_OUT = {"__pycache__", ".ipynb_checkpoints", ".DS_Store"}
# Made by `make book` itself.
GENERATED = {"book/equations.md", "book/field_map.html", "book/index_of_things.md", "book/results.md"}
LIBRARY = ("ssm_lib", "requirements.txt")
BOOK = (*LIBRARY, "book", "notebooks", "tools", "_config.yml", "_toc.yml")


def files(root: Path, names: tuple[str, ...]) -> list[Path]:
    """All files under the named files and folders, in a fixed order."""
    found = []
    for name in names:
        path = root / name
        inside = [path] if path.is_file() else path.rglob("*")
        found += [p for p in inside if p.is_file() and not LEFT_OUT & set(p.relative_to(root).parts)]
    return sorted(p for p in found if p.relative_to(root).as_posix() not in GENERATED)


def fingerprint(root: Path, names: tuple[str, ...]) -> str:
    """Hash of the names and contents of these files, and of the Python version."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in files(root, names):
        content = path.read_bytes()
        digest.update(f"\n{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def library(root: Path) -> str:
    """Changes when the library, its pinned packages or Python change: then chapters are executed again."""
    return fingerprint(root, LIBRARY)


def book(root: Path) -> str:
    """Changes when anything that shows in the book changes."""
    return fingerprint(root, BOOK)
