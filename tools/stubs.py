"""The texts that tools/new.py starts a chapter and a model from. They run as they are; what they lack says TODO."""

CHAPTER = [
    (
        "markdown",
        """# {title}

**After this chapter you can**

- TODO: three to five things that a reader can do then.

**The question.** TODO: one question, before any answer.""",
    ),
    ("setup", ""),
    (
        "code",
        """import math

import torch

from ssm_lib import kernels, plots, show
from ssm_lib.check import {slug} as check""",
    ),
    (
        "markdown",
        """## TODO: the derivation

TODO: the equations. A key equation has a label that starts with `eq-` and a line that begins with `Code:` below it, in
the same cell; the function's docstring names the label (CONTRIBUTING, "Equations and code").

The formula as it stands:""",
    ),
    (
        "code",
        """def naive(log_a, w, L):  # TODO: your formula, in at most 8 lines
    return (w @ torch.exp(log_a[:, None] * torch.arange(L))).real""",
    ),
    ("markdown", "The library's version, and that both agree:"),
    (
        "code",
        """log_a = torch.tensor([-0.1 + 1j, -0.02 + 0.3j], dtype=torch.complex128)
w = torch.ones(1, 2, dtype=torch.complex128)
K = kernels.vandermonde(log_a, w, 64)
torch.testing.assert_close(K, naive(log_a, w, 64))
show(kernels.vandermonde)""",
    ),
    ("markdown", 'TODO: what the figure answers, and then a widget (CONTRIBUTING, "A new widget").'),
    (
        "figure",
        """plots.signals(torch.arange(64), {{"two modes": K[0]}}, "step l", "kernel K")""",
    ),
    ("markdown", "TODO: what else is claimed, as cells that `assert` it.\n\n## Exercises"),
    (
        "markdown",
        """```{{exercise}} TODO: a title
:label: ex-{slug}-decay

TODO: here, by what factor does $e^{{-0.1\\,l}}$ shrink at each step? (4 to 6 exercises, from a check of
understanding to a small project.)
```""",
    ),
    ("code", "factor = ...\ncheck.decay(factor);"),
    (
        "markdown",
        "```{{solution-start}} ex-{slug}-decay\n:class: dropdown\n```\nTODO: why, in a line or two: $e^{{-0.1}}$.",
    ),
    ("code", "assert check.decay(math.exp(-0.1))"),
    (
        "markdown",
        """```{{solution-end}}
```

## Summary

- TODO: one line for each thing promised above.

## Further reading

TODO: citations, from `book/references.bib`.""",
    ),
]

CHECK = '''"""The exercises of chapter {number}, {slug}: each answer is checked against the library."""

from __future__ import annotations

import math
from typing import Any

from ssm_lib import check


def decay(answer: Any) -> bool:
    """TODO: what is asked. Here the factor by which e^(-0.1 l) shrinks at each step."""
    return check.value(answer, math.exp(-0.1), {{0.1: "that is the rate; the factor is its exponential"}})
'''

CHAPTER_TEST = '''"""Chapter {number}: the exercises; figures and widgets, once it has them."""

import math

import pytest

from ssm_lib.check import {slug}


@pytest.mark.parametrize(
    ("exercise", "answer", "says"),
    [
        ({slug}.decay, math.exp(-0.1), "Right"),
        ({slug}.decay, 0.1, "the factor is its exponential"),
        ({slug}.decay, None, "Not begun"),
    ],
)
def test_exercises(exercise, answer, says, capsys):
    assert exercise(answer) is (says == "Right")
    assert says in capsys.readouterr().out
'''

LAYER = '''"""{name}: TODO, what it is in one line (authors, year). Here: exponential averages of the input.

Symbol      Meaning                                                Part of the paper
dt          e^log_dt, (H, N): decay per step, in nepers            TODO
W           output weights                                         TODO
K           sum_n W_n (1 - e^-dt_n) e^(-dt_n l)                    TODO
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssm_lib import hippo
from ssm_lib.layers.diagonal import DiagonalLayer


class {name}(DiagonalLayer):
    """TODO: one line, (B, L, H) -> (B, L, H). Here: N exponential averages of each channel, weighted.

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        State size N per channel.
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial decays per step, log-uniform.

    Parameters of the module (real): `log_dt` (H, N), `W` (H, N) or (2, H, N), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here.

    TODO: the equations that it implements, by label and by the paper's number.
    """

    real_modes = True  # complex ones are stored with a last dimension of 2: see DLR

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        bidirectional: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.modes = d_state
        shape = (d_model, d_state)
        self.log_dt = nn.Parameter(torch.log(hippo.initial_dt(shape, dt_min, dt_max)))
        directions = (2,) if bidirectional else ()
        self.W = nn.Parameter(torch.randn(*directions, *shape) / d_state)

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor]:
        log_a = -torch.exp(self.log_dt.double()) * rate  # in double: rounded, it drifts over many steps
        return log_a, -torch.expm1(log_a)

    def _weights(self, rate: float) -> Tensor:
        return self.W.double()
'''

API = """### {module}

```{{eval-rst}}
.. automodule:: {module}
```

"""
