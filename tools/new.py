"""`make new-chapter NAME=15_topic TITLE="…"` and `make new-model NAME=EMA`: what a new one starts from, in every place.

A chapter gets its notebook, the checks of its exercises, a test and its entries; a model its layer file, its entries
and its line among the layers that every test of the contract runs. Both work at once; the tests list what is left.
"""

import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

from tools import repository, setup_cell, stubs
from tools.steps import fail, say

ROOT = Path(__file__).resolve().parents[1]
ALT = "TODO: say in words what the figure shows"


def cell(kind: str, source: str, number: int, url: str) -> dict:
    """A notebook's cell; `setup` and `figure` are kinds of code."""
    identity = {"id": f"cell-{number:02d}", "metadata": {}}
    if kind == "markdown":
        return {"cell_type": "markdown", **identity, "source": source.splitlines(keepends=True)}
    if kind == "setup":
        identity["metadata"], source = {"tags": setup_cell.TAGS}, setup_cell.source(url)
    if kind == "figure":
        identity["metadata"] = {"mystnb": {"image": {"alt": ALT}}}
    lines = source.splitlines(keepends=True)
    return {"cell_type": "code", "execution_count": None, **identity, "outputs": [], "source": lines}


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("x", encoding="utf8") as file:
        file.write(text)


def edit(path: Path, pattern: str, text: str) -> None:
    """Put a text behind the last match of a pattern."""
    before = path.read_text(encoding="utf8")
    found = list(re.finditer(pattern, before, re.M | re.S))
    if not found:
        raise ValueError(
            f"{path} has no place for {text.strip().splitlines()[0]!r}: nothing matches {pattern!r}"
        )
    end = found[-1].end()
    path.write_text(before[:end] + text + before[end:], encoding="utf8")


def add_to_api(root: Path, module: str) -> None:
    """An entry in book/api.md, behind the last one of the same package."""
    package = re.escape(module.rsplit(".", 1)[0])
    entry = rf"^\.\. automodule:: {package}\.\w+\n```\n\n"
    edit(root / "book" / "api.md", entry, stubs.API.format(module=module))


def chapter(root: Path, name: str, title: str) -> list[str]:
    """Start a chapter; return the files that were made or changed."""
    if not re.fullmatch(r"\d\d_[a-z][a-z0-9_]*", name):
        raise ValueError(f"{name!r} is no name of a chapter: two digits and words, as in NAME=15_selection")
    if not title.strip():
        raise ValueError('Which title? make new-chapter NAME=15_selection TITLE="Selection"')
    number, slug = name.split("_", 1)
    made = [f"notebooks/{name}.ipynb", f"ssm_lib/check/{slug}.py", f"tests/test_{slug}_chapter.py"]
    taken = [*(root / "notebooks").glob(f"{number}_*"), *(root / m for m in made if (root / m).exists())]
    if taken:
        raise ValueError(f"{taken[0].relative_to(root)} is there already: choose another number or name")
    words = {"number": number, "slug": slug, "title": title.strip()}
    url = repository.configured(root)
    cells = [cell(kind, text.format(**words), i, url) for i, (kind, text) in enumerate(stubs.CHAPTER)]
    spec = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = {"cells": cells, "metadata": {"kernelspec": spec}, "nbformat": 4, "nbformat_minor": 5}
    write_new(root / made[0], json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    write_new(root / made[1], stubs.CHECK.format(**words))
    write_new(root / made[2], stubs.CHAPTER_TEST.format(**words))
    edit(root / "_toc.yml", r"^ *- file: notebooks/\S+\n", f"      - file: notebooks/{name}\n")
    add_to_api(root, f"ssm_lib.check.{slug}")
    return [*made, "_toc.yml", "book/api.md"]


def export(path: Path, name: str, module: str) -> None:
    """Import a class in a package's `__init__.py` and name it in `__all__`, in the order that these keep."""
    text = path.read_text(encoding="utf8")
    if f"from {module} import" in text:
        text = re.sub(rf"(from {re.escape(module)} import )", rf"\g<1>{name}, ", text, count=1)
    else:
        text = re.sub(r"^(from ssm_lib)", f"from {module} import {name}\n\\1", text, count=1, flags=re.M)
    listed = re.search(r"^__all__ = \[(.*?)\]", text, re.M | re.S)
    if not listed:
        raise ValueError(f"{path} has no __all__")
    names = [*re.findall(r'"(\w+)"', listed[1]), name]
    names.sort(key=lambda word: (not word.isupper(), not word[0].isupper(), word))
    quoted = ", ".join(f'"{word}"' for word in names)
    path.write_text(text.replace(listed[0], f"__all__ = [{quoted}]"), encoding="utf8")


def model(root: Path, name: str) -> list[str]:
    """Start a model; return the files that were made or changed."""
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
        raise ValueError(f"{name!r} is no name of a class: a capital first, as in NAME=EMA or NAME=Mamba")
    key = name.lower()
    made = f"ssm_lib/layers/{key}.py"
    if (root / made).exists():
        raise ValueError(f"{made} is there already: choose another name")
    packages = ["ssm_lib/layers/__init__.py", "ssm_lib/__init__.py"]
    write_new(root / made, stubs.LAYER.format(name=name))
    edit(root / packages[0], r"^LAYERS: .*?(?=^\})", f'    "{key}": {name},\n')
    export(root / packages[0], name, f"ssm_lib.layers.{key}")
    export(root / packages[1], name, "ssm_lib.layers")
    edit(root / "tests" / "test_layers.py", r"^VARIANTS = \[.*?(?=^\])", f'    ("{key}", {{}}),\n')
    add_to_api(root, f"ssm_lib.layers.{key}")
    return [made, *packages, "tests/test_layers.py", "book/api.md"]


def tidy(root: Path, names: list[str]) -> None:
    """Imports in order and lines in form, as `make lint` wants them."""
    ruff = [sys.executable, "-m", "ruff"]
    code = [name for name in names if name.endswith((".py", ".ipynb"))]
    subprocess.run([*ruff, "check", "--quiet", "--select", "I", "--fix", *code], cwd=root, check=True)
    subprocess.run([*ruff, "format", "--quiet", *code], cwd=root, check=True)


def main(arguments: list[str] | None = None, root: Path = ROOT) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    for kind, words in {"chapter": ("name", "title"), "model": ("name",)}.items():
        own = kinds.add_parser(kind)
        for word in words:
            own.add_argument(word)
    options = vars(parser.parse_args(arguments))
    kind = options.pop("kind")
    try:
        names = {"chapter": chapter, "model": model}[kind](root, **options)
    except ValueError as error:
        return fail(str(error))
    tidy(root, names)
    say(f"new:     {', '.join(names)}")
    print(f'\nWhat is left says TODO: CONTRIBUTING, "A new {kind}", says how to see and do it.')
    return 0


if __name__ == "__main__":
    sys.exit(main())
