"""Show, in a notebook, the very source that the tests ran."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from typing import Any


class Source(str):
    """Python source that notebooks and the book render with syntax colours."""

    def _repr_markdown_(self) -> str:
        return f"```python\n{self}\n```"

    def __repr__(self) -> str:
        return str(self)


def show(*items: Callable[..., Any]) -> Source:
    """The source of functions or classes of the library, each docstring cut to its first line.

    Parameters
    ----------
    items
        Functions, methods or classes.

    Returns
    -------
    Source
        Displayed as coloured code at the end of a notebook cell; a str everywhere else.

    Raises
    ------
    TypeError
        If an item has no Python source.
    """
    return Source("\n\n\n".join(_short_source(item) for item in items))


def _short_source(item: Callable[..., Any]) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(item))
    except (TypeError, OSError) as error:
        raise TypeError(
            f"show needs a Python function, method or class, got {item!r}"
        ) from error
    lines = text.splitlines()
    kinds = (ast.FunctionDef, ast.ClassDef)
    for node in sorted(
        (
            n
            for n in ast.walk(ast.parse(text))
            if isinstance(n, kinds) and ast.get_docstring(n)
        ),
        key=lambda n: -n.lineno,
    ):
        doc = node.body[0]
        if doc.end_lineno is not None and doc.end_lineno > doc.lineno:
            first = lines[doc.lineno - 1].rstrip()
            lines[doc.lineno - 1 : doc.end_lineno] = [first + '"""']
    return "\n".join(lines)
