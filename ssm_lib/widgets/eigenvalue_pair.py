"""EigenvaluePair: drag the two eigenvalues of a mass on a spring, and watch its response.

The numbers that move are computed by `eigenvalue_pair.js` in the browser; the tests hold them equal to
`ssm_lib.lti` and `ssm_lib.kernels`. Python's part is the settings and a still picture.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize, kernels
from ssm_lib.widgets.base import STYLES, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MASS = 2.0  # kg
SECONDS = 6.0  # drawn


class EigenvaluePair(Widget):
    """The eigenvalues of m q'' + c q' + kappa q = u with m = 2 kg, and the response to one knock.

    Parameters
    ----------
    re
        Real part of the pair, -8 to 0.5 (1/s).
    im
        From 0 to 11: imaginary part of the pair re +- i im (rad/s). From -4 to 0: two real eigenvalues
        re +- im (1/s).
    dt
        Step of the sampled system, 0.01 to 1 (seconds).
    """

    re = Number(-1.0, -8, 0.5, step=0.1)
    im = Number(5.0, -4, 11, step=0.1)
    dt = Number(0.1, 0.01, 1, step=0.02, log=True)

    def eigenvalues(self) -> Tensor:
        """The two of them, (2,) complex128; the upper or right one first."""
        half = complex(0, self.im) if self.im > 0 else complex(-self.im, 0)
        return torch.tensor([self.re + half, self.re - half], dtype=torch.complex128)

    def system(self) -> tuple[Tensor, Tensor, Tensor]:
        """A, B and C with state (position, velocity), float64; the stiffness may be negative."""
        over_mass = self.re**2 + self.im * abs(
            self.im
        )  # kappa/m, the product of the eigenvalues
        A = torch.tensor([[0, 1], [-over_mass, 2 * self.re]], dtype=torch.float64)
        return A, torch.tensor([0, 1 / MASS]).to(A), torch.tensor([1, 0]).to(A)

    def kernel(self) -> Tensor:
        """The samples of the response, (floor(6 s / dt),) float64."""
        A, B, C = self.system()
        A_bar, B_bar = discretize.dense(A, B, self.dt, "zoh")
        return kernels.krylov(A_bar, B_bar, C, int(SECONDS / self.dt + 1e-9))

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        from ssm_lib import lti

        figure = Figure(figsize=(9, 5.2), layout="constrained")
        axes = figure.subplot_mosaic("ph;pg", width_ratios=[2, 3])
        plane, response, gain = (axes[name] for name in "phg")
        z, (colour, _, marker) = self.eigenvalues(), STYLES[0]
        plane.axvspan(-9, 0, facecolor="#edf5fb", zorder=0)
        plane.plot(z.real, z.imag, marker, color=colour)
        plane.axhline(0, color="#aab2bb", lw=0.8)
        plane.set(
            xlabel=r"Re $\lambda$ (1/s)",
            ylabel=r"Im $\lambda$ (rad/s)",
            xlim=(-9, 2),
            ylim=(-11.5, 11.5),
            title=r"stable: Re $\lambda < 0$",
        )
        t = torch.linspace(0, SECONDS, 301, dtype=torch.float64)
        means = (self.kernel() / self.dt).numpy()
        edges = self.dt * torch.arange(len(means) + 1).numpy()
        response.stairs(means, edges, fill=True, color=STYLES[1][0], alpha=0.5)
        response.plot(t, lti.impulse_response(*self.system(), t), color=colour)
        response.set(
            xlabel="time since the knock (s)", ylabel="response h (m/Ns)", title=repr(self)
        )
        omega = torch.logspace(-1, 2, 241, dtype=torch.float64)  # as in the browser
        heard = lti.transfer(*self.system(), 1j * omega).abs()
        gain.loglog(omega, heard, color=colour)
        gain.set(xlabel=r"frequency $\omega$ (rad/s)", ylabel=r"$|H(i\omega)|$ (m/N)")
        for ax in (plane, response, gain):
            ax.spines[["top", "right"]].set_visible(False)
        return figure
