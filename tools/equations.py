"""From equation to code and back: reads labels in the chapters and in the docstrings, and compares them.

In a chapter, a labelled equation (`:label: eq-zoh` in a math directive, or `$$ … $$ (eq-zoh)`) is followed, in
the same cell, by a line that starts with `Code:` and links to what implements it:

    Code: {py:func}`ssm_lib.discretize.diagonal`

In that function's docstring a line names the label and, in parentheses, the paper's own number:

    Equation: eq-zoh (Gu et al. 2021, Eq. 3)
"""

import ast
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

LABEL = re.compile(r"^:label:[ \t]*(eq-[\w-]+)[ \t]*$|\$\$[ \t]*\((eq-[\w-]+)\)", re.MULTILINE)
HEADING = re.compile(r"^#{1,6} +(.+)$")
ROLE = re.compile(r"\{py:(?:func|class|meth|mod|attr)\}`(?:[^`<]*<)?[~!]?([\w.]+)>?`")
DOCSTRING = re.compile(
    r"^[ \t]*Equations?:[ \t]*(eq-.*?)(?=\n[ \t]*\n|\n[ \t]*Equations?:|\n[ \t]*\w+:[ \t]*\n|\Z)", re.M | re.S
)
NAMED = re.compile(r"((?:\beq-[\w-]+(?:,\s*|\s+and\s+|\s*))+)(?:\(([^()]*(?:\([^()]*\)[^()]*)*)\))?")


@dataclass
class Equation:
    """A labelled equation of a chapter."""

    label: str
    page: str  # path without suffix, as in _toc.yml
    heading: str  # the section it stands in
    code: tuple[str, ...] | None = None  # what its `Code:` line names; None without such a line


@dataclass
class Book:
    equations: list[Equation] = field(default_factory=list)
    docstrings: dict[str, dict[str, str]] = field(default_factory=dict)  # label -> {function: paper's number}


def blocks(path: Path) -> list[str]:
    """The Markdown of a chapter: the cells of a notebook, or a page as one block."""
    text = path.read_text(encoding="utf8")
    if path.suffix != ".ipynb":
        return [text]
    return ["".join(c["source"]) for c in json.loads(text)["cells"] if c["cell_type"] == "markdown"]


def chapter_equations(path: Path, page: str) -> list[Equation]:
    """Labelled equations of one page; a `Code:` line belongs to the labels above it in the same cell."""
    found, heading = [], page
    for block in blocks(path):
        waiting: list[Equation] = []
        for line in block.splitlines():
            if match := HEADING.match(line):
                heading = match[1].strip()
            for match in LABEL.finditer(line.strip()):
                waiting.append(Equation(match[1] or match[2], page, heading))
            if line.startswith("Code:"):
                for equation in waiting:
                    equation.code = tuple(ROLE.findall(line))
                found += waiting
                waiting = []
        found += waiting
    return found


def docstring_labels(docstring: str) -> dict[str, str]:
    """Labels that a docstring names, each with the paper's own number."""
    named = {}
    for entry in DOCSTRING.finditer(docstring):
        for labels, source in NAMED.findall(entry[1]):
            for label in re.findall(r"eq-[\w-]+", labels):
                named[label] = " ".join(source.split())
    return named


def library_labels(library: Path) -> dict[str, dict[str, str]]:
    """label -> {dotted name of the function, class or method: paper's number}, from the source alone."""
    found: dict[str, dict[str, str]] = {}

    def visit(node: ast.AST, name: str) -> None:
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            for label, source in docstring_labels(ast.get_docstring(node) or "").items():
                found.setdefault(label, {})[name] = source
            for child in node.body:
                if isinstance(child, (ast.ClassDef, ast.FunctionDef)):
                    visit(child, f"{name}.{child.name}")

    for path in sorted(library.rglob("*.py")):
        parts = path.relative_to(library.parent).with_suffix("").parts
        module = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        visit(ast.parse(path.read_text(encoding="utf8")), module)
    return found


def reexports(library: Path) -> dict[str, str]:
    """Public short name -> full name, from the imports in the packages' `__init__.py`."""
    short = {}
    for path in library.rglob("__init__.py"):
        package = ".".join(path.parent.relative_to(library.parent).parts)
        for node in ast.parse(path.read_text(encoding="utf8")).body:
            if isinstance(node, ast.ImportFrom) and node.module:
                short |= {f"{package}.{a.asname or a.name}": f"{node.module}.{a.name}" for a in node.names}
    return short


def full_name(name: str, short: dict[str, str]) -> str:
    """`ssm_lib.S4D.step` -> `ssm_lib.layers.s4d.S4D.step`."""
    for head in sorted(short, key=len, reverse=True):
        if name == head or name.startswith(head + "."):
            return full_name(short[head] + name[len(head) :], short)
    return name


def read(root: Path) -> Book:
    """Everything labelled in the chapters, the prose and the library."""
    book = Book(docstrings=library_labels(root / "ssm_lib"))
    pages = [*sorted((root / "notebooks").glob("*.ipynb")), *sorted((root / "book").glob("*.md"))]
    for path in pages:
        page = path.relative_to(root).with_suffix("").as_posix()
        if page != "book/equations":
            book.equations += chapter_equations(path, page)
    short = reexports(root / "ssm_lib")
    for equation in book.equations:
        if equation.code is not None:
            equation.code = tuple(full_name(name, short) for name in equation.code)
    return book


def problems(book: Book) -> list[str]:
    """Every way in which equations and code do not point at each other."""
    found = []
    labels: dict[str, Equation] = {}
    for equation in book.equations:
        if equation.label in labels:
            where = {labels[equation.label].page, equation.page}
            found.append(f"{equation.label} is used twice ({', '.join(sorted(where))})")
        labels.setdefault(equation.label, equation)
    for label, functions in book.docstrings.items():
        if label not in labels:
            found.append(f"{', '.join(functions)}: the docstring names {label}, which no chapter has")
    for label, equation in labels.items():
        functions = book.docstrings.get(label, {})
        if not functions:
            found.append(f"{equation.page}: no docstring names {label}")
        if equation.code is None:
            found.append(f"{equation.page}: no line 'Code: …' below {label} in its cell")
            continue
        together = {e.label for e in book.equations if e.page == equation.page and e.code == equation.code}
        named = {name for other in together for name in book.docstrings.get(other, {})}
        for name in sorted(set(equation.code) - named):
            found.append(
                f"{equation.page}: Code: line of {label} links to {name}, whose docstring does not name it"
            )
        for name in sorted(set(functions) - set(equation.code)):
            found.append(f"{equation.page}: {name} names {label}, but its Code: line does not link there")
    return found


def page_text(book: Book) -> str:
    """`book/equations.md`: one row an equation."""
    lines = [
        "# Equations and their code",
        "",
        "Every equation of the book that a function computes, where it comes from (with the section or theorem where",
        "the paper's text was at hand), and the function. This page is generated from the chapters and the docstrings.",
        "",
    ]
    if not book.equations:
        return "\n".join([*lines, "No chapter has such an equation yet.", ""])
    lines += ["| Equation | Section | Source | Code |", "|---|---|---|---|"]
    for e in book.equations:
        functions = book.docstrings.get(e.label, {})
        code = "<br>".join(f"{{py:obj}}`{name.removeprefix('ssm_lib.')} <{name}>`" for name in functions)
        source = "<br>".join(dict.fromkeys(s for s in functions.values() if s))
        section = f"[{e.heading}](../{e.page}.{'ipynb' if e.page.startswith('notebooks') else 'md'})"
        lines.append(f"| {{eq}}`{e.label}` | {section} | {source} | {code} |".replace("|  |", "| |"))
    return "\n".join([*lines, ""])


def write_page(root: Path) -> int:
    """Write `book/equations.md` (untouched if nothing changed); return the number of equations."""
    book = read(root)
    path, text = root / "book" / "equations.md", page_text(book)
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf8")
    return len(book.equations)
