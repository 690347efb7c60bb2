"""KernelExplorer: what the initialization, N, the step and the discretization do to a kernel.

The numbers that move are computed by `kernel_explorer.js` in the browser; `tests/test_widgets.py` holds
them equal to the library's. Python's part is the settings, their checks, and a still picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize
from ssm_lib.layers import s4d
from ssm_lib.widgets.base import STYLES, Choice, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DRAWN = 5  # modes drawn: more are not legible


class KernelExplorer(Widget):
    """Explore the kernel of one S4D channel, K_l = 2 Re sum_n c_n b_bar_n a_bar_n^l with all c_n = 1.

    Parameters
    ----------
    init
        ``"legs"``, ``"lin"``, ``"inv"`` or ``"real"``, as in `ssm_lib.layers.S4D`.
    N
        Real state size, even, 2 to 64.
    dt
        Step, 0.001 to 1 (seconds).
    discretization
        ``"zoh"`` or ``"bilinear"``.
    view
        Which eigenvalues are drawn: ``"discrete"`` (unit circle) or ``"continuous"`` (left half-plane).
    length
        Number of samples drawn, 2 to 1000.
    """

    init = Choice("lin", s4d.LAWS)
    N = Integer(16, 2, 64, step=2)
    dt = Number(0.05, 1e-3, 1, step=0.02, log=True)
    discretization = Choice("zoh", s4d.METHODS)
    view = Choice("discrete", ("discrete", "continuous"))
    length = Integer(200, 2, 1000)
    in_repr = ("init", "N", "dt", "discretization")

    def modes(self) -> Tensor:
        """The modes 2 Re(c_n b_bar_n a_bar_n^l), (N/2, L) float64; (N, L) for init="real".

        Their sum over n is the kernel. Order: ascending imaginary part; ascending decay for "real".
        """
        A, B = self._system()
        A_bar, B_bar = discretize.diagonal(A, B, self.dt, self.discretization)
        powers = A_bar[:, None] ** torch.arange(self.length)  # (N/2, L)
        return 2 * (B_bar[:, None] * powers).real

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        modes = self.modes()
        A, B = self._system()
        A_bar, _ = discretize.diagonal(A, B, self.dt, self.discretization)
        points = (A_bar if self.view == "discrete" else A).to(torch.complex128)
        drawn = (
            torch.linspace(0, len(modes) - 1, min(DRAWN, len(modes)))
            .add(0.5)
            .int()
            .tolist()
        )

        figure = Figure(figsize=(9, 4.4), layout="constrained")
        axes = figure.subplot_mosaic(
            [["kernel", "plane"], ["modes", "plane"]], width_ratios=[3, 2]
        )
        axes["kernel"].plot(
            modes.sum(0), ".-", color=STYLES[0][0], markersize=3, linewidth=0.8
        )
        axes["kernel"].set(
            ylabel="kernel $K_l$", title=repr(self), xlabel="lag l (samples)"
        )
        plane, bar = (
            axes["plane"],
            r"\bar\lambda" if self.view == "discrete" else r"\lambda",
        )
        plane.plot(points.real, points.imag, ".", color="#57606a")
        plane.plot(points.real, -points.imag, ".", color="#57606a", markerfacecolor="white")
        lane = 2.2 * modes[drawn].abs().max()  # one lane for each mode, all to one scale
        for slot, (n, (color, dash, marker)) in enumerate(zip(drawn, STYLES, strict=False)):
            axes["modes"].plot(
                modes[n] / lane - slot, color=color, linestyle=dash, linewidth=1.2
            )
            plane.plot(points[n].real, points[n].imag, marker, color=color)
        axes["modes"].set(
            xlabel="lag l (samples)", ylabel=f"modes, lanes of ±{lane / 2.2:.3g}"
        )
        axes["modes"].set_yticks(
            [-slot for slot in range(len(drawn))], [f"n = {n}" for n in drawn]
        )
        plane.set(xlabel=f"Re ${bar}$", ylabel=f"Im ${bar}$")
        if self.view == "discrete":
            circle = torch.polar(torch.ones(200), torch.linspace(0, 2 * torch.pi, 200))
            plane.fill(
                circle.real, circle.imag, facecolor="#edf5fb", edgecolor="#aab2bb", zorder=0
            )
            plane.set(aspect="equal", title=r"stable: $|\bar\lambda| < 1$")
        else:
            left = 1.25 * float(points.real.min())
            plane.axvspan(left, 0, facecolor="#edf5fb", zorder=0)
            plane.set(xlim=(left, -0.4 * left), title=r"stable: Re $\lambda < 0$")
        for ax in axes.values():
            ax.spines[["top", "right"]].set_visible(False)
        return figure

    def _system(self) -> tuple[Tensor, Tensor]:
        """Eigenvalues and input weights, (N/2,) each, in the widget's order."""
        A, B = s4d.initial_eigenvalues(self.init, self.N)
        order = A.imag.argsort() if A.is_complex() else torch.arange(len(A))
        return A[order], B[order]
