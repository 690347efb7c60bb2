"""What a command line ends on: a line that says what is wrong, and nothing done."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """A request that cannot be met: a name, a value or a folder is not what it should be."""


def unknown(kind: str, name: str, options: Iterable[str]) -> InputError:
    """The error for a name that is none of the options; it says which ones are near."""
    options = sorted(options)
    near = difflib.get_close_matches(name, options, n=3, cutoff=0.5)
    hint = (
        f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(options)}"
    )
    return InputError(f"unknown {kind} {name!r}; {hint}")
