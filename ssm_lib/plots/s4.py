"""Chapter 06: condition numbers, a matrix taken apart, the nodes of the generating function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib.plots.style import COLOURS, STYLE, WIDTH, array, done

QUIET = "#777777"
MIDDLE: Any = {"ha": "center", "va": "center", "fontsize": 8}


def conditioning(
    sizes: Sequence[int],
    conditions: Mapping[str, Sequence[float]],
    lost: Mapping[str, Sequence[float]],
) -> Figure:
    """Condition numbers over the state size, and the errors that they cause.

    Parameters
    ----------
    sizes
        S state sizes N.
    conditions : {label: S numbers}
    lost : {label: S numbers}
        Relative errors of kernels; the line at 1 is where no digit is left.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.9), layout="constrained")
        for ax, curves, bound, words in (
            (axes[0], conditions, 2.0**52, "float64 has 16 digits"),
            (axes[1], lost, 1.0, "no digit is right"),
        ):
            for (label, y), marker in zip(curves.items(), "os^", strict=False):
                ax.semilogy(array(sizes), array(y), marker=marker, ms=4, label=label)
            ax.axhline(bound, color=QUIET, lw=0.8, ls="-")
            ax.text(sizes[0], bound, words, ha="left", va="bottom", color="#333333")
            ax.set_ylim(top=max(ax.get_ylim()[1], 1e3 * bound))  # room for the words
            ax.set(xlabel="state size N")
            ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8)
        axes[0].set(ylabel="condition number")
        axes[1].set(ylabel="error of the kernel, relative")
    return done(figure)


def decomposition(panels: Mapping[str, Tensor]) -> Figure:
    """Matrices side by side on one colour scale, that add up: first = second + third + ...

    Parameters
    ----------
    panels : {title: Tensor (N, N), real}
    """
    top = max(float(M.abs().max()) for M in panels.values())
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            1, len(panels), figsize=(WIDTH, 2.7), sharey=True, layout="constrained"
        )
        for i, (ax, (title, M)) in enumerate(zip(axes, panels.items(), strict=True)):
            shades = ax.imshow(array(M), cmap="RdBu", vmin=-top, vmax=top)
            ax.set(title=("" if i == 0 else "= " if i == 1 else "+ ") + title)
            ax.set(xlabel="column k")
            ax.grid(visible=False)
        axes[0].set(ylabel="row n")
        figure.colorbar(shades, ax=axes, label="entry")
    return done(figure)


def nodes(z: Tensor, g: Tensor, eigenvalues: Tensor, reach: float) -> Figure:
    """Roots of unity, and where the bilinear rule puts them: on the imaginary axis, beside the eigenvalues.

    Parameters
    ----------
    z, g : Tensor (L,), complex
        g is not finite for the node z = -1.
    eigenvalues : Tensor (N,), complex, in 1/seconds
    reach
        Half the height of the second panel, in radians per second.
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 3.1), width_ratios=(1, 1.4), layout="constrained"
        )
        circle = torch.polar(torch.ones(200), torch.linspace(0, 2 * torch.pi, 200))
        left.plot(array(circle.real), array(circle.imag), color=QUIET, lw=0.8, ls="-")
        left.plot(array(z.real), array(z.imag), "o", color=COLOURS[0], ms=5, ls="")
        left.set(xlabel="Re z", ylabel="Im z", xlim=(-1.5, 1.5), ylim=(-1.3, 1.3))
        left.set_aspect("equal")
        right.axvline(0, color=QUIET, lw=0.8, ls="-")
        shown = g.imag.isfinite() & (g.imag.abs() < reach)
        right.plot(array(g.real), array(g.imag), "o", color=COLOURS[0], ms=5, ls="")
        right.plot(
            array(eigenvalues.real), array(eigenvalues.imag), "x", color=COLOURS[1], ls=""
        )
        for i in range(len(z)):
            left.annotate(
                f"{i}", (float(z[i].real) * 1.2, float(z[i].imag) * 1.2), **MIDDLE
            )
            if shown[i]:
                right.annotate(
                    f"{i}", (0, float(g[i].imag)), xytext=(7, 0), textcoords="offset points"
                )
        right.set(xlabel="real part (1/s)", ylabel="imaginary part (rad/s)")
        right.set(xlim=(-1.2, 0.8), ylim=(-reach, reach), xticks=(-1, -0.5, 0, 0.5))
        right.text(-0.55, reach * 0.88, r"$\lambda_n$", color=COLOURS[1], ha="right")
        right.text(-0.05, reach * 0.88, "g", color=COLOURS[0], ha="right")
    return done(figure)


def sampled_response(omega: Tensor, size: Tensor, at: Tensor, found: Tensor) -> Figure:
    """Size of a frequency response, and the frequencies at which it was evaluated, both axes logarithmic.

    Parameters
    ----------
    omega, size : Tensor (F,), rad/s and positive
    at, found : Tensor (M,), rad/s and positive
        Where the response was evaluated, and what was found there.
    """
    with plt.rc_context(STYLE):
        figure, ax = plt.subplots(figsize=(WIDTH, 2.8), layout="constrained")
        ax.loglog(array(omega), array(size), color=COLOURS[0], label="continuous system")
        ax.plot(
            array(at),
            array(found),
            "o",
            ls="",
            ms=3.5,
            mfc="none",
            color=COLOURS[1],
            label="from the kernel, at the nodes",
        )
        ax.set(xlabel="frequency ω (rad/s)", ylabel="size of the response")
        ax.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
    return done(figure)
