"""CostModel: six ways to apply a layer, and how long a machine takes for each by the model of cost.

The numbers that move are computed by `cost_model.js` in the browser; tests/test_speed_chapter.py holds them
equal to those of `ssm_lib.bench.cost`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ssm_lib.bench import cost
from ssm_lib.bench.estimate import Speeds
from ssm_lib.bench.measure import Rates, Work
from ssm_lib.widgets.base import STYLES, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

WAYS = (
    "S4D: formula, FFT",
    "S4D: products, FFT",
    "S4: Cauchy sums, FFT",
    "S4: powers, FFT",
    "S5: scan",
    "S4D: step by step",
)


class CostModel(Widget):
    """Drag the sizes, and what the machine can do; the sizes are powers of two.

    Parameters
    ----------
    log2_L, log2_H, log2_N, log2_B
        Length, channels, real state size of a channel (for S5: of the layer), batch, as powers of two.
    peak
        Operations in float32 per second, in 10^9.
    bandwidth
        Bytes per second, in 10^9.
    call
        Microseconds for each call of an operator.
    double, fft, passes
        Speeds of products in float64 and of Fourier transforms, as shares of the peak, and of operators
        that go through memory one by one, as share of the bandwidth.
    exponential
        What one exponential costs, in operations at the peak.
    """

    log2_L = Integer(14, 6, 20)
    log2_H = Integer(7, 2, 10)
    log2_N = Integer(6, 2, 10)
    log2_B = Integer(3, 0, 8)
    peak = Number(200.0, 10, 100_000, step=0.05, log=True)
    bandwidth = Number(33.0, 3, 10_000, step=0.05, log=True)
    call = Number(2.5, 0.1, 100, step=0.05, log=True)
    double = Number(0.44, 1e-3, 1, step=0.01)
    fft = Number(0.1, 1e-3, 1, step=0.01)
    passes = Number(0.46, 1e-3, 1, step=0.01)
    exponential = Number(11_000.0, 1, 1e5, step=0.05, log=True)

    @classmethod
    def on(cls, speeds: Speeds, **sizes: int) -> CostModel:
        """The widget set to a machine.

        Parameters
        ----------
        speeds
            As `ssm_lib.bench.estimate.speeds` finds them in a record.
        sizes
            Settings of the sizes, as in ``log2_L=12``.
        """
        machine: dict[str, Any] = {
            "peak": speeds.float32 / 1e9,
            "bandwidth": speeds.bytes / 1e9,
            "call": 1e6 / speeds.calls,
            "double": speeds.float64 / speeds.float32,
            "fft": speeds.fft / speeds.float32,
            "passes": speeds.passes / speeds.bytes,
            "exponential": speeds.float32 / speeds.exponentials,
        }
        return cls(**sizes, **machine)

    def speeds(self) -> Speeds:
        """What the settings say of the machine."""
        peak, bandwidth = 1e9 * self.peak, 1e9 * self.bandwidth
        return Speeds(
            float32=peak,
            float64=self.double * peak,
            bytes=bandwidth,
            fft=self.fft * peak,
            exponentials=peak / self.exponential,
            passes=self.passes * bandwidth,
            calls=1e6 / self.call,
        )

    def work(self) -> dict[str, Work]:
        """What each way consists of."""
        powers = (self.log2_B, self.log2_H, self.log2_N, self.log2_L)
        B, H, N, L = (2**power for power in powers)
        kernels = (
            cost.formula_kernel(H, N, L),
            cost.products_kernel(H, N, L),
            cost.cauchy_kernel(H, N, L),
            cost.krylov_kernel(H, N, L),
        )
        found = [kernel + cost.convolution(B, H, L) for kernel in kernels]
        found += [cost.s5_layer(B, H, N, L), cost.recurrence(B, H, N, L)]
        return dict(zip(WAYS, found, strict=True))

    def estimates(self) -> dict[str, float]:
        """Milliseconds of each way, by `ssm_lib.bench.estimate.Speeds.estimate_ms`."""
        speeds = self.speeds()
        return {way: speeds.estimate_ms(work) for way, work in self.work().items()}

    def floors(self) -> dict[str, float]:
        """Milliseconds below which each way cannot be, by `ssm_lib.bench.Work.floor_ms`."""
        s = self.speeds()
        rates = Rates(s.float32, s.float64, s.bytes)
        return {way: work.floor_ms(rates) for way, work in self.work().items()}

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 3.2), layout="constrained")
        ax = figure.subplots()
        estimates, floors = self.estimates(), self.floors()
        rows = range(len(WAYS), 0, -1)
        low = 0.5 * min(floors.values())
        blue = STYLES[0][0]
        for row, way in zip(rows, WAYS, strict=True):
            ax.barh(row, estimates[way] - low, left=low, height=0.6, color=blue, alpha=0.5)
            ax.text(
                estimates[way], row, f" {estimates[way]:.3g} ms", va="center", fontsize=8
            )
        ax.plot(
            list(floors.values()), list(rows), "|", ls="", color="#222222", ms=16, mew=2
        )
        ax.set(xscale="log", xlabel="time (ms); the mark is the floor")
        ax.set(xlim=(low, 6 * max(estimates.values())))
        ax.set_yticks(list(rows), WAYS)
        ax.spines[["top", "right"]].set_visible(False)
        return figure
