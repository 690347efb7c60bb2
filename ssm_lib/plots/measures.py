"""What memories hold: the past rebuilt, responses against bases, errors over a range."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, DASHES, STYLE, WIDTH, array, done

MARKERS = "os^Dvx"


def past(
    ages: Tensor,
    u: Tensor,
    rebuilt: Mapping[str, Tensor],
    windows: Mapping[str, float],
    xlabel: str = "age (steps ago)",
) -> Figure:
    """One past, and what several memories say it was; one panel for each.

    Parameters
    ----------
    ages : Tensor (L,)
    u : Tensor (L,)
        The past itself, by age: drawn as a grey band.
    rebuilt : {title: Tensor (L,)}, an even number of them
    windows : {title: age}
        Where a memory ends, for those that do: beyond it the panel is shaded.
    xlabel
        With units.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(rebuilt) // 2,
            2,
            figsize=(WIDTH, 1.9 * len(rebuilt) / 2),
            sharex=True,
            sharey=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, y) in zip(axes.flat, rebuilt.items(), strict=True):
            ax.plot(array(ages), array(u), color="#bbbbbb", lw=3.5, ls="-", label="input")
            ax.plot(
                array(ages), array(y), color=COLOURS[0], ls="-", lw=1.3, label="rebuilt"
            )
            if title in windows:
                ax.axvspan(windows[title], float(ages[-1]), color="#eeeeee", zorder=0)
                ax.axvline(windows[title], color="#555555", lw=0.8, ls="-")
            ax.set(title=title, ylabel="")
        spread = 1.25 * float(u.abs().max())
        axes[0, 0].set(ylim=(-spread, spread), xlim=(0, float(ages[-1])))
        for ax in axes[-1]:
            ax.set(xlabel=xlabel)
        for ax in axes[:, 0]:
            ax.set(ylabel="input")
        figure.legend(
            *axes[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=2
        )
    return done(figure)


def bases(t: Tensor, panels: Mapping[str, tuple[Tensor, Tensor]]) -> Figure:
    """The responses of systems to a pulse, drawn over the functions that they are meant to be.

    Parameters
    ----------
    t : Tensor (L,)
        Seconds since the pulse.
    panels : {title: (responses (L, n), functions (L, n))}, an even number of them
        At most six curves in each panel.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(panels) // 2,
            2,
            figsize=(WIDTH, 2.3 * len(panels) / 2),
            sharex=True,
            squeeze=False,
            layout="constrained",
        )
        for ax, (title, (responses, functions)) in zip(
            axes.flat, panels.items(), strict=True
        ):
            for n, (k, g) in enumerate(
                zip(array(responses).T, array(functions).T, strict=True)
            ):
                ax.plot(array(t), g, color=COLOURS[n], ls="-", lw=4, alpha=0.25)
                ax.plot(array(t), k, color=COLOURS[n], ls=DASHES[n], lw=1.3)
            highest = 1.1 * max(float(y.abs().max()) for y in (responses, functions))
            ax.set(title=title, ylim=(-highest, highest))
        for ax in axes[-1]:
            ax.set(xlabel="age t (s)")
        for ax in axes[:, 0]:
            ax.set(ylabel="response")
    return done(figure)


def log_curves(
    x: Tensor,
    ys: Mapping[str, Tensor],
    xlabel: str,
    ylabel: str,
    at: Mapping[str, float] | None = None,
    log2: bool = False,
) -> Figure:
    """Positive numbers, such as errors, on a logarithmic axis.

    Parameters
    ----------
    x : Tensor (L,)
    ys : {label: Tensor (L,)}, positive
    xlabel, ylabel
        With units.
    at : {words: x}
        Places to mark by a vertical line.
    log2
        Make the axis of x logarithmic too, with a tick at each x.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.9), layout="constrained")
        every = max(1, len(x) // 12)
        for (label, y), marker in zip(ys.items(), MARKERS, strict=False):
            ax.semilogy(
                array(x), array(y), marker=marker, ms=4, markevery=every, label=label
            )
        if log2:
            ax.set_xscale("log", base=2)
            ax.set_xticks(array(x), [f"{v:g}" for v in array(x)])
        for words, place in (at or {}).items():
            ax.axvline(place, color="#555555", lw=0.8, ls="-")
            ax.text(
                place,
                0.97,
                f" {words}",
                transform=ax.get_xaxis_transform(),
                color="#333333",
                va="top",
            )
        ax.set(xlabel=xlabel, ylabel=ylabel)
        if at:  # room for the words above the curves
            ax.set_ylim(top=4 * max(float(y.max()) for y in ys.values()))
        ax.legend(ncols=len(ys), loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
