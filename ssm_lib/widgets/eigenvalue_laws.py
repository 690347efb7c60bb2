"""EigenvalueLaws: the four laws of S4D side by side, and the kernel of one of them.

The numbers that move are computed by `eigenvalue_laws.js` in the browser; tests/test_s4d_chapter.py holds
them equal to the library's.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import kernels
from ssm_lib.layers import s4d
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES = {"legs": "LegS", "lin": "Lin", "inv": "Inv", "real": "Real"}
LENGTH = 200  # samples drawn
SLOWEST, FASTEST = 0.1, 2e4  # rad/s, ends of the axis


class EigenvalueLaws(Widget):
    """Compare where the laws of S4D put their modes, for a step and a scale of the imaginary parts.

    Parameters
    ----------
    law
        ``"legs"``, ``"lin"``, ``"inv"`` or ``"real"``: whose kernel is drawn.
    N
        Real state size, even, 4 to 64.
    dt
        Step, 0.001 to 1 (seconds).
    scale
        Factor of Im lambda, 0.1 to 10; the real parts stay.
    """

    law = Choice("legs", s4d.LAWS)
    N = Integer(64, 4, 64, step=2)
    dt = Number(0.01, 1e-3, 1, step=0.02, log=True)
    scale = Number(1, 0.1, 10, step=0.02, log=True)

    def modes(self, law: str | None = None) -> tuple[Tensor, Tensor]:
        """Eigenvalues, their imaginary parts scaled, and input weights of a law (by default the chosen one).

        (N/2,) each, complex128, by ascending frequency; for "real" (N,), by ascending decay.
        """
        Lambda, B = (
            x.to(torch.complex128) for x in s4d.initial_eigenvalues(law or self.law, self.N)
        )
        order = Lambda.imag.argsort(stable=True)
        return torch.complex(Lambda.real, self.scale * Lambda.imag)[order], B[order]

    def kernel(self) -> Tensor:
        """2 Re sum_n b_bar_n exp(dt lambda_n l), l < 200, by zero-order hold: (200,) float64."""
        A, B = (x[None] for x in self.modes())
        step = torch.tensor([self.dt], dtype=torch.float64)
        return kernels.diagonal(A, B, torch.ones_like(B), step, LENGTH)[0]

    def count(self, law: str | None = None) -> dict[str, int]:
        """How many modes there are, turn at least once while they fall to 1/e, are aliased, are of use.

        Of use are those that turn at least once, and by at most pi per sample.
        """
        Lambda, _ = self.modes(law)
        turning = Lambda.imag >= -2 * math.pi * Lambda.real * (1 - 1e-12)
        aliased = Lambda.imag * self.dt > math.pi * (1 + 1e-12)
        sets = {"turning": turning, "aliased": aliased, "useful": turning & ~aliased}
        return {"all": len(Lambda), **{name: int(s.sum()) for name, s in sets.items()}}

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        edge = min(math.pi / self.dt, FASTEST)
        left.axvspan(math.pi, edge, color="#edf5fb")
        left.axvline(edge, color="#555555", lw=0.8)
        left.text(edge, 0.45, " π/Δ", va="center", fontsize=8)
        for i, (law, (color, _, marker)) in enumerate(zip(NAMES, STYLES, strict=False)):
            omega = self.modes(law)[0].imag.clamp(SLOWEST, FASTEST)
            face = color if law == self.law else "white"
            left.semilogx(
                omega, torch.full_like(omega, -i), marker, color=color, mfc=face, ms=4.5
            )
        left.set(xlim=(SLOWEST * 0.8, FASTEST * 1.2), ylim=(-3.6, 0.7))
        left.set(xlabel="scaled Im λ (rad/s)", title="Modes; shaded: of use")
        left.set_yticks([0, -1, -2, -3], list(NAMES.values()))
        at = list(NAMES).index(self.law)
        right.plot(self.kernel(), color=STYLES[at][0], linestyle=STYLES[at][1], lw=1.3)
        right.set(xlabel="lag l (samples)", ylabel="kernel", title=NAMES[self.law])
        for ax in (left, right):
            ax.spines[["top", "right"]].set_visible(False)
        return figure
