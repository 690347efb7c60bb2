"""What every widget of the book is built from: declared settings, one ES module, a still picture.

A widget is a subclass of `Widget` with its settings as class attributes (`Integer`, `Number`, `Choice`,
`Flag`) and a JavaScript file of the same name beside its own. The controls that this file can use are in
`base.js`, the charts in `base_charts.js`; CONTRIBUTING.md has a complete example.
"""

from __future__ import annotations

import base64
import inspect
import io
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import anywidget
import traitlets

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    _Int = traitlets.Int[int, int]
    _Float = traitlets.Float[float, float]
    _Enum = traitlets.Enum[str]
    _Bool = traitlets.Bool[bool, bool | int]
else:  # Colab's traitlets are 5.7, whose types take no arguments
    _Int, _Float, _Enum, _Bool = (
        traitlets.Int,
        traitlets.Float,
        traitlets.Enum,
        traitlets.Bool,
    )

_EITHER = inspect.Parameter.POSITIONAL_OR_KEYWORD
STYLES = (  # Okabe-Ito colour, dash, marker of the slots 0 to 4, as in base.css and base_charts.js
    ("#0072b2", "-", "o"),
    ("#d55e00", (0, (5, 2)), "s"),
    ("#00835f", (0, (2, 1.5)), "^"),
    ("#b4538a", (0, (6, 2, 1.5, 2)), "D"),
    ("#8a6a00", (0, (1, 1.5)), "v"),
)


class Integer(_Int):
    """An integer from `low` to `high`, in steps of `step` from `low`."""

    def __init__(self, default: int, low: int, high: int, step: int = 1) -> None:
        super().__init__(default)
        self.low, self.high, self.step = low, high, step
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> int:
        value = super().validate(obj, value)
        if not self.low <= value <= self.high or (value - self.low) % self.step:
            steps = f" in steps of {self.step}" if self.step > 1 else ""
            raise traitlets.TraitError(
                f"{self.name} must be an integer from {self.low} to {self.high}{steps}, got {value}"
            )
        return value

    def declaration(self) -> dict[str, Any]:
        return {"min": self.low, "max": self.high, "step": self.step}


class Number(_Float):
    """A number from `low` to `high`. The browser's slider goes in steps of `step`.

    With ``log=True`` the slider runs over log10 of the number, and `step` is in decades.
    """

    def __init__(
        self, default: float, low: float, high: float, step: float, log: bool = False
    ) -> None:
        super().__init__(default)
        self.low, self.high, self.step, self.log = low, high, step, log
        self.tag(sync=True)

    def validate(self, obj: Any, value: Any) -> float:
        value = super().validate(obj, value)
        if not self.low <= value <= self.high:  # also refuses nan
            raise traitlets.TraitError(
                f"{self.name} must be a number from {self.low} to {self.high}, got {value}"
            )
        return value

    def declaration(self) -> dict[str, Any]:
        return {"min": self.low, "max": self.high, "step": self.step, "log": self.log}


class Choice(_Enum):
    """One of some words."""

    def __init__(self, default: str, values: Sequence[str]) -> None:
        super().__init__(values, default)
        self.tag(sync=True)

    def declaration(self) -> dict[str, Any]:
        return {"values": list(self.values or ())}


class Flag(_Bool):
    """On or off."""

    def __init__(self, default: bool) -> None:
        super().__init__(default)
        self.tag(sync=True)

    def declaration(self) -> dict[str, Any]:
        return {}


class Widget(anywidget.AnyWidget):
    """A widget that computes in the browser: it moves with no Python behind it.

    A subclass declares its settings as class attributes; its constructor takes them in that order, or by
    name. They are in step with the widget's controls while Python runs. The browser's part is in the
    subclass's `_esm` and `_css`, texts or paths; without them, in the files of its module's name with the
    suffixes ``.js`` and ``.css`` (the second may be missing). Each is joined to that of the
    base, as a page of the book has nowhere to import from.

    Raises
    ------
    traitlets.TraitError
        On a value outside what the setting allows, at construction or at assignment.
    TypeError
        On a setting that the widget does not have.
    """

    settings: ClassVar[tuple[str, ...]] = ()  # in the order of their declaration
    in_repr: ClassVar[tuple[str, ...] | None] = None  # None: all settings
    __signature__: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        own = vars(cls)
        # anywidget makes a subclass for each instance, where both texts have become traits
        if not isinstance(own.get("_esm"), traitlets.TraitType):
            traits = {
                name: trait
                for name, trait in own.items()
                if isinstance(trait, traitlets.TraitType) and trait.metadata.get("sync")
            }
            declared: dict[str, dict[str, Any]] = {
                name: getattr(trait, "declaration", dict)()
                for name, trait in traits.items()
            }
            js, css = (
                _text(own.get(key), cls, suffix)
                for key, suffix in (("_esm", ".js"), ("_css", ".css"))
            )
            cls.settings = tuple(traits)
            cls.__signature__ = inspect.Signature(
                [
                    inspect.Parameter(name, _EITHER, default=trait.default_value)
                    for name, trait in traits.items()
                ]
            )
            declaration = f"export const TRAITS = {json.dumps(declared)};"
            cls._esm = _joined(_read("base.js"), _read("base_charts.js"), declaration, js)
            cls._css = _joined(_read("base.css"), css)
        super().__init_subclass__(**kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            given = self.__signature__.bind(*args, **kwargs).arguments
        except TypeError as error:
            expected = ", ".join(self.settings)
            raise TypeError(
                f"{type(self).__name__}: {error}; its settings are {expected}"
            ) from None
        super().__init__(**given)

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        raise NotImplementedError(f"{type(self).__name__} has no figure()")

    def __repr__(self) -> str:
        names = self.settings if self.in_repr is None else self.in_repr
        listed = ", ".join(f"{name}={getattr(self, name)!r}" for name in names)
        return f"{type(self).__name__}({listed})"

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """The widget's view, the repr as text, and the still picture."""
        bundle = super()._repr_mimebundle_(**kwargs)
        assert bundle is not None  # only a widget without a view has none
        data, metadata = bundle
        png = io.BytesIO()
        self.figure().savefig(png, format="png", dpi=110, metadata={"Software": None})
        return {**data, "image/png": base64.b64encode(png.getvalue()).decode()}, metadata


def _text(given: str | Path | None, cls: type, suffix: str) -> str:
    """What a subclass brings: the text itself, or that of a file; no style sheet is an empty one."""
    if isinstance(given, str):
        return given
    path = given or Path(inspect.getfile(cls)).with_suffix(suffix)
    return path.read_text("utf-8") if suffix == ".js" or path.exists() else ""


def _read(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")


def _joined(*sources: str) -> str:
    """One text, without indentation and comment lines: a page carries it for each widget."""
    lines = (line.strip() for source in sources for line in source.splitlines())
    kept = (line for line in lines if line and not re.match(r"//|/\*.*\*/$", line))
    return "\n".join(kept) + "\n"
