"""RankOne: the rank-one part of LegS faded from 1 to 0, from S4's matrix to a diagonal one.

The numbers that move are computed by `rank_one.js` in the browser; `tests/test_s4_chapter.py` holds
them equal to the library's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from ssm_lib import discretize, hippo, kernels
from ssm_lib.widgets.base import STYLES, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LENGTH, NODES = 256, 161  # samples of the kernel, frequencies of the response


class RankOne(Widget):
    """Fade the rank-one part of LegS and compare the kernel with that of the whole matrix.

    Parameters
    ----------
    rho
        Share of P P^T that is left, 0 to 1: A(rho) = A + (1 - rho) P P^T.
    N
        State size, 4 to 64, even.
    dt
        Step of the bilinear rule, 0.001 to 0.1 seconds.
    n
        Which number of the state is the output, 0 to 3.
    """

    rho = Number(0.0, 0, 1, step=0.02)
    N = Integer(16, 4, 64, step=2)
    dt = Number(0.0158, 0.001, 0.1, step=0.05, log=True)
    n = Integer(1, 0, 3)

    def system(self, rho: float) -> tuple[Tensor, Tensor]:
        """A(rho) (N, N) and B (N,), float64."""
        A, B = hippo.transition("legs", self.N)
        P = hippo.low_rank("legs", self.N)
        return A + (1 - rho) * P.T @ P, B

    def kernel(self, rho: float) -> Tensor:
        """K_l / dt of x_n, (256,) float64, in 1/seconds."""
        C = torch.zeros(self.N, dtype=torch.float64)
        C[self.n] = 1.0
        discrete = discretize.dense(*self.system(rho), self.dt, "bilinear")
        return kernels.krylov(*discrete, C, LENGTH) / self.dt

    def frequencies(self) -> Tensor:
        """The angles theta, (161,) float64, radians per sample: 0.001 to 3."""
        steps = torch.linspace(0, 1, NODES, dtype=torch.float64)
        return 0.001 * 3000**steps

    def response(self, rho: float) -> Tensor:
        """Size of the frequency response of x_n, (161,) float64."""
        A_bar, B_bar = discretize.dense(*self.system(rho), self.dt, "bilinear")
        z = torch.polar(torch.ones(NODES, dtype=torch.float64), -self.frequencies())
        eye = torch.eye(self.N, dtype=z.dtype)
        x = torch.linalg.solve(eye - z[:, None, None] * A_bar, B_bar.to(z.dtype))
        return x[:, self.n].abs()

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        left, right = figure.subplots(1, 2)
        gain = 2 / (1 + self.rho)
        (blue, solid, _), (orange, dashed, _) = STYLES[:2]
        for ax, x, draw in (
            (left, torch.arange(LENGTH), self.kernel),
            (right, self.frequencies(), self.response),
        ):
            ax.plot(
                x, draw(1.0), color="#57606a", linewidth=3, alpha=0.4, label="S4: ρ = 1"
            )
            ax.plot(
                x,
                gain * draw(1.0),
                color=orange,
                linestyle=dashed,
                label=f"S4 × {gain:.3g}",
            )
            ax.plot(
                x, draw(self.rho), color=blue, linestyle=solid, label=f"ρ = {self.rho:g}"
            )
            ax.spines[["top", "right"]].set_visible(False)
        left.set(xlabel="lag l (samples)", ylabel="K / Δ (1/s)")
        left.set_title(f"output x_{self.n}, N = {self.N}, Δ = {self.dt:g} s")
        left.legend()
        right.set(xscale="log", yscale="log", xlabel="θ (radians per sample)")
        right.set(ylabel="size of the response", ylim=(1e-4, 20))
        return figure
