"""`book/index_of_things.md`: the widgets, the exercises and the times of all chapters, read from the notebooks.

A widget is listed with the first question that the text before it asks. The running time is that of the execution
from which the page was built, as `tools/execute.py` has stored it.
"""

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from jupyter_cache import get_cache

from tools import execute

PAGE = "book/index_of_things.md"
WORDS, LINES = 200, 20  # that are read in a minute
EXERCISE = re.compile(
    r"^(?:`{3,}|:{3,})\{exercise(?:-start)?\} *([^\n]+)\n(?::\S[^\n]*\n)*?:label: *(\S+)", re.M
)
HEADING = re.compile(r"^(#{1,6}) +(.+)$", re.M)
WORD = re.compile(r"\S*\w\S*")
OFFSET = re.compile(r"^(?:`{3,}|:{3,}).*?^(?:`{3,}|:{3,}) *$", re.M | re.S)  # directives, solutions' ends
MATH = re.compile(r"(\$+[^$]+\$+)")


@dataclass
class Chapter:
    """What a notebook has."""

    page: str  # path without suffix, as in _toc.yml
    title: str
    seconds: float | None  # of its last execution; None if that is not known
    words: int = 0  # of prose, and
    lines: int = 0  # of code, both without the exercises and the set-up cell
    widgets: dict[str, tuple[str, str]] = field(default_factory=dict)  # class: (section, question)
    exercises: dict[str, str] = field(default_factory=dict)  # label: title

    @property
    def number(self) -> str:
        return self.page.rsplit("/", 1)[-1][:2]

    @property
    def minutes(self) -> int:
        return round(self.words / WORDS + self.lines / LINES)


def widget_classes(root: Path) -> list[str]:
    """Names that `ssm_lib.widgets` exports, from its source."""
    tree = ast.parse((root / "ssm_lib" / "widgets" / "__init__.py").read_text(encoding="utf8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    raise ValueError("ssm_lib/widgets/__init__.py has no __all__")


def questions(text: str) -> list[str]:
    """The sentences of a Markdown text that end with a question mark, without emphasis and list numbers."""
    text = re.sub(r"^\s*(?:[-*]|\d+\.) +", "\n\n", HEADING.sub("", text), flags=re.M)
    found = []
    for paragraph in re.split(r"\n\s*\n", text):
        plain = "".join(p if p.startswith("$") else p.replace("*", "") for p in MATH.split(paragraph))
        for sentence in re.split(
            r"(?<=[.!?])\s+(?=[^\s])|(?<=to look for:)\s+|(?<=the widget:)\s+", " ".join(plain.split())
        ):
            if sentence.endswith("?"):
                found.append(sentence[0].upper() + sentence[1:])
    return found


def read_chapter(path: Path, page: str, classes: list[str], seconds: float | None) -> Chapter:
    """Words, code, widgets and exercises of one notebook."""
    chapter = Chapter(page, title=page, seconds=seconds)
    section, asked, exercises = "", "", False
    for cell in nbformat.read(path, 4).cells:
        if cell.cell_type == "markdown":
            for mark, heading in HEADING.findall(OFFSET.sub("", cell.source)):
                section, asked = heading.strip(), ""
                chapter.title = section if mark == "#" else chapter.title
                exercises = section == "Exercises" if mark == "##" else exercises
            asked = next(iter(questions(cell.source)), asked)
            chapter.exercises |= {label: name.strip() for name, label in EXERCISE.findall(cell.source)}
            chapter.words += 0 if exercises else len(WORD.findall(cell.source))
        elif cell.cell_type == "code":
            if not exercises and "setup" not in cell.metadata.get("tags", []):
                chapter.lines += sum(bool(line.strip()) for line in cell.source.splitlines())
            for name in classes:
                if re.search(rf"\b{name}(?:\.\w+)?\(", cell.source) and name not in chapter.widgets:
                    chapter.widgets[name] = (section, asked)
    return chapter


def running_times(root: Path) -> dict[Path, float]:
    """Seconds of the execution that the cache holds of each chapter; absent where it holds none."""
    folder = root / "_build" / ".jupyter_cache"
    if not (folder / "global.db").is_file():
        return {}
    cache, found = get_cache(folder), {}
    for path in execute.chapters(root):
        try:
            record = cache.match_cache_notebook(nbformat.read(path, 4))
        except KeyError:
            continue
        if seconds := record.data.get("execution_seconds"):
            found[path] = seconds
    return found


def read(root: Path) -> list[Chapter]:
    """All chapters of `_toc.yml`, in reading order; a widget is listed where it is shown first."""
    times, classes, found = running_times(root), widget_classes(root), []
    for path in execute.chapters(root):
        page = path.relative_to(root).with_suffix("").as_posix()
        chapter = read_chapter(path, page, classes, times.get(path))
        classes = [name for name in classes if name not in chapter.widgets]
        found.append(chapter)
    return found


def problems(chapters: list[Chapter], classes: list[str]) -> list[str]:
    """Widgets that no chapter shows, or before which no question is asked."""
    shown = {name: asked for chapter in chapters for name, (_, asked) in chapter.widgets.items()}
    found = [f"no chapter shows the widget {name}" for name in classes if name not in shown]
    return found + [
        f"the text before the widget {name} asks no question" for name in shown if not shown[name]
    ]


def link(chapter: Chapter) -> str:
    """`01 [Linear state spaces](…)`: the title up to its question, so that it fits into a table on a phone."""
    return f"{chapter.number} [{chapter.title.split(':')[0]}](../{chapter.page}.ipynb)"


def page_text(chapters: list[Chapter]) -> str:
    """`book/index_of_things.md`."""
    widgets = sum(len(chapter.widgets) for chapter in chapters)
    exercises = sum(len(chapter.exercises) for chapter in chapters)
    lines = [
        "# Widgets and exercises",
        "",
        f"{len(chapters)} chapters, {widgets} widgets, {exercises} exercises, each where it stands. This page is",
        "generated from the notebooks.",
        "",
        "## How long a chapter takes",
        "",
        f"*Reading*: {WORDS} words and {LINES} lines of code a minute, without the exercises. *Running*: what the",
        "chapter took when this page was built, on that machine, with other chapters running beside it.",
        "",
        "| chapter | reading (min) | running (s) |",
        "|---|---|---|",
    ]
    for c in chapters:
        seconds = "–" if c.seconds is None else f"{c.seconds:.0f}"
        lines.append(f"| {link(c)} | {c.minutes} | {seconds} |")
    lines += ["", f"In all {sum(c.minutes for c in chapters) / 60:.0f} hours of reading.", ""]
    lines += ["## Widgets", "", "What each of them answers, in the words of its chapter.", ""]
    for c in chapters:
        for name, (section, asked) in c.widgets.items():
            lines.append(f"- **{{py:class}}`{name} <ssm_lib.widgets.{name}>`** · {link(c)}, “{section}”")
            lines.append(f"  - {asked}")
    lines += ["", "## Exercises", "", "Each has an automatic check and a hidden solution.", ""]
    for c in chapters:
        if c.exercises:
            lines += [f"### {c.number} {c.title}", ""]
            lines += [f"- {{ref}}`{title} <{label}>`" for label, title in c.exercises.items()]
            lines.append("")
    return "\n".join(lines)


def write_page(root: Path) -> int:
    """Write the page (untouched if nothing changed); return the number of widgets and exercises."""
    chapters = read(root)
    path, text = root / PAGE, page_text(chapters)
    if not path.is_file() or path.read_text(encoding="utf8") != text:
        path.write_text(text, encoding="utf8")
    return sum(len(chapter.widgets) + len(chapter.exercises) for chapter in chapters)
