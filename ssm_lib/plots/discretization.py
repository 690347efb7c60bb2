"""Discretization: errors against the step, stability regions, where frequencies go, rates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import pi

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib import discretize
from ssm_lib.plots.style import COLOURS, DASHES, STYLE, WIDTH, array, done

MARKERS = "os^Dvx"
Rules = Mapping[str, tuple[str, float | None]]  # title: (method, alpha)


def loglog(x: Tensor, ys: Mapping[str, Tensor], xlabel: str, ylabel: str) -> Figure:
    """Curves with a mark at each point on two logarithmic axes: a power law is a straight line.

    Parameters
    ----------
    x : Tensor (S,), positive
    ys : {label: Tensor (S,)}, positive
    xlabel, ylabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.2), layout="constrained")
        for (label, y), marker in zip(ys.items(), MARKERS, strict=False):
            ax.loglog(array(x), array(y), marker=marker, ms=4.5, mfc="none", label=label)
        ax.set(xlabel=xlabel, ylabel=ylabel)
        _legend_above(ax, 2)
    return done(figure)


def stability(rules: Rules, points: Tensor, reach: float = 3.2) -> Figure:
    """Where in the plane of z = lambda dt each rule gives |A_bar| < 1, with some modes laid on it.

    Parameters
    ----------
    rules : {title: (method, alpha)}
        Up to four, as `ssm_lib.discretize.diagonal` takes them.
    points : Tensor (N,), complex
        Modes z to mark, with their conjugates: a ring where the rule keeps them stable, else a cross.
    reach
        Half the height of the drawn part of the plane.
    """
    side = torch.linspace(-reach, reach, 401, dtype=torch.float64)
    plane = torch.complex(side.expand(401, -1), side[:, None].expand(-1, 401))
    both = torch.cat([points, points[points.imag != 0].conj()]).to(plane)
    with plt.rc_context(STYLE):
        figure, axes = _planes(rules, "Re λΔ", "Im λΔ", (-reach, reach))
        for ax, (method, alpha) in zip(axes, rules.values(), strict=False):
            size = array(_modulus(plane, method, alpha).clamp(max=2))  # 1 on the border
            grid = (array(side), array(side), size)
            ax.contourf(*grid, levels=[0, 1], colors=["#cfe3f3"])
            ax.contour(*grid, levels=[1], colors=[COLOURS[0]])
            stable = _modulus(both, method, alpha) < 1
            for kept, marker, color in (
                (stable, "o", "#1b1b1b"),
                (~stable, "x", "#a33b00"),
            ):
                x, y = array(both.real[kept]), array(both.imag[kept])
                ax.plot(x, y, ls="", marker=marker, ms=5.5, mfc="none", color=color)
            exploding = int((~stable).sum())
            ax.set(title=f"{ax.get_title()}: {exploding or 'none'} of {len(both)} explode")
    return done(figure)


def half_plane(rules: Rules, decays: Sequence[float] = (0, 0.5, 1, 2, 4)) -> Figure:
    """Where each rule takes the left half-plane: images of its lines in the plane of A_bar.

    Parameters
    ----------
    rules
        As in `stability`.
    decays
        Vertical lines Re(lambda dt) = -decay, up to five; horizontal ones are drawn every pi/4 up to pi.
    """
    once = torch.linspace(
        -pi, pi, 401, dtype=torch.float64
    )  # ZOH comes back after one turn
    far = torch.cat([-torch.logspace(2, -2, 300), torch.linspace(-0.01, 0, 20)]).to(once)
    circle = torch.linspace(0, 2 * pi, 400)
    with plt.rc_context(STYLE):
        figure, axes = _planes(rules, "Re λ̄", "Im λ̄", (-1.75, 1.75))
        for ax, (method, alpha) in zip(axes, rules.values(), strict=False):
            ax.fill(
                array(circle.cos()), array(circle.sin()), fc="#edf5fb", ec="#8a949e", lw=1.2
            )
            for height in torch.arange(-4, 5) * pi / 4:
                _trace(ax, torch.complex(far, height.expand_as(far).to(far)), method, alpha)
            for decay, colour, dash in zip(decays, COLOURS, DASHES, strict=False):
                up = once if method == "zoh" else 300 * torch.tan(once * 0.499).pow(3)
                z = torch.complex(torch.full_like(up, -decay), up)
                label = f"−{decay:g}" if decay else "0"
                look = {"color": colour, "ls": dash, "lw": 1.7, "label": label}
                _trace(ax, z, method, alpha, **look)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, title="Re λΔ", loc="outside upper center", ncols=5)
    return done(figure)


def warping(rules: Rules, turns: float = 1.5) -> Figure:
    """The angle that an undamped mode turns per step against the one that it should.

    Parameters
    ----------
    rules
        As in `stability`, any number up to six.
    turns
        Largest angle omega dt, in whole turns.
    """
    theta = torch.linspace(0, 2 * pi * turns, 1201, dtype=torch.float64)
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3.1), layout="constrained")
        ax.plot(
            [0, pi * 1.4], [0, pi * 1.4], color="#8a949e", lw=4, alpha=0.5, label="true"
        )
        for label, (method, alpha) in rules.items():
            y = array(discretize.angle(theta, 1.0, method, alpha))
            jump = np.abs(np.diff(y, append=y[-1])) > pi
            ax.plot(array(theta), np.where(jump, np.nan, y), label=label)
        ax.axhline(pi, color="#555555", lw=0.8, ls="-")
        ax.text(2 * pi * turns, pi, "π: half a turn per step", ha="right", va="bottom")
        names = {-1: "−π", -0.5: "−π/2", 0: "0", 0.5: "π/2", 1: "π", 2: "2π", 3: "3π"}
        across = [k for k in names if 0 <= k <= 2 * turns and k == int(k)]
        ax.set_xticks([pi * k for k in across], [names[k] for k in across])
        up = [-1, -0.5, 0, 0.5, 1]
        ax.set_yticks([pi * k for k in up], [names[k] for k in up])
        ax.set(
            xlabel="true angle ωΔ (radians per step)", ylabel="angle of λ̄", ylim=(-3.5, 4.4)
        )
        _legend_above(ax, 4)
    return done(figure)


def resampled(t: Tensor, h: Tensor, kernels: Mapping[str, tuple[float, Tensor]]) -> Figure:
    """An impulse response, and kernels divided by their steps, each drawn over its own bins.

    Parameters
    ----------
    t, h : Tensor (S,)
        Times in seconds, and the impulse response there.
    kernels : {label: (dt, Tensor (L,))}
        Steps in seconds, and the kernels sampled with them.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1,
            len(kernels),
            figsize=(WIDTH, 2.7),
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (label, (dt, K_bar)) in zip(axes[0], kernels.items(), strict=True):
            edges = dt * np.arange(len(K_bar) + 1)
            ax.plot(array(t), array(h), color="#8a949e", lw=4, alpha=0.5, label="h(t)")
            height = array(K_bar) / dt
            ax.stairs(
                height,
                edges,
                baseline=None,
                color=COLOURS[1],
                lw=1.4,
                zorder=3,
                label="K / Δ",
            )
            ax.plot(edges[:-1] + dt / 2, height, "o", ms=3, color=COLOURS[0], zorder=4)
            ax.set(title=label, xlabel="lag (s)", xlim=(0, float(t[-1])))
        axes[0, 0].set(ylabel="kernel (1/s)")
        axes[0, -1].legend(loc="upper right")
    return done(figure)


def rates(accuracies: Mapping[str, Mapping[float, Sequence[float]]]) -> Figure:
    """Accuracy of trained models against the sampling interval that they are run at.

    Parameters
    ----------
    accuracies : {label: {rate: accuracies in [0, 1], one per seed}}
        Drawn as the mean, with a bar from the smallest to the largest.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 3), layout="constrained")
        for (label, rows), marker in zip(accuracies.items(), MARKERS, strict=False):
            y = 100 * np.array([np.array(row) for row in rows.values()])  # (rates, seeds)
            mean = y.mean(1)
            ends = np.abs(np.stack([y.min(1), y.max(1)]) - mean)
            ax.errorbar(list(rows), mean, ends, marker=marker, ms=5, capsize=3, label=label)
        ax.axhline(10, color="#555555", lw=0.8, ls="-")
        ax.set_xscale("log", base=2)
        ticks = sorted({rate for rows in accuracies.values() for rate in rows})
        ax.set_xticks(ticks, [f"{rate:g}" for rate in ticks])
        ax.minorticks_off()
        ax.text(ticks[-1] / 2.4, 10.5, "chance", ha="right", va="bottom", color="#333333")
        xlabel = "rate: sampling interval over the one trained at"
        ax.set(xlabel=xlabel, ylabel="test accuracy (%)", ylim=(0, 101))
        _legend_above(ax, 4)
    return done(figure)


def _planes(
    rules: Rules, xlabel: str, ylabel: str, limits: tuple[float, float]
) -> tuple[Figure, list[Axes]]:
    """A square panel for each of up to four rules, two in a row, titled."""
    rows = (len(rules) + 1) // 2
    figure, grid = plt.subplots(
        rows,
        2,
        figsize=(WIDTH, 3.2 * rows),
        sharex=True,
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    for ax, title in zip(grid.flat, rules, strict=False):
        ax.set(title=title, aspect="equal", xlim=limits, ylim=limits)
        ax.axhline(0, color="#8a949e", lw=0.7, ls="-")
        ax.axvline(0, color="#8a949e", lw=0.7, ls="-")
    for ax in grid[-1]:
        ax.set(xlabel=xlabel)
    for ax in grid[:, 0]:
        ax.set(ylabel=ylabel)
    return figure, list(grid.flat)


def _a_bar(z: Tensor, method: str, alpha: float | None) -> Tensor:
    return discretize.diagonal(z, torch.ones_like(z), 1.0, method, alpha)[0]


def _modulus(z: Tensor, method: str, alpha: float | None) -> Tensor:
    return _a_bar(z, method, alpha).abs()


def _trace(ax: Axes, z: Tensor, method: str, alpha: float | None, **look: object) -> None:
    """The image of a line of z, thin and grey unless told otherwise."""
    style: dict[str, object] = {"color": "#9aa4ae", "lw": 0.7, "ls": "-", **look}
    w = _a_bar(z, method, alpha)
    ax.plot(array(w.real), array(w.imag), **style)  # type: ignore[arg-type]


def _legend_above(ax: Axes, columns: int) -> None:
    """The legend over the picture: beside it, it would take half of a phone's width."""
    ax.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), columnspacing=1.4)
