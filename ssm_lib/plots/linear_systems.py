"""Chapter 01: impulse responses, eigenvalues in the plane, samples as areas, frequency responses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from ssm_lib import lti
from ssm_lib.plots.style import COLOURS, DASHES, STYLE, WIDTH, array, done

MARKERS = "os^Dvx"
QUIET = "#777777"


def superposition(t: Tensor, parts: Mapping[str, Tensor], total: Tensor) -> Figure:
    """Responses to single inputs, and below them their sum.

    Parameters
    ----------
    t : Tensor (L,), seconds
    parts : {label: Tensor (L,)}
    total : Tensor (L,)
    """
    with plt.rc_context(STYLE):
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(WIDTH, 3.4), sharex=True, sharey=True, layout="constrained"
        )
        for label, part in parts.items():
            top.plot(array(t), array(part), label=label)
        top.set(ylabel="each alone (m)")
        top.legend(ncols=len(parts), loc="lower left", bbox_to_anchor=(0, 1))
        bottom.plot(array(t), array(total), color="#333333", ls="-")
        bottom.set(xlabel="time (s)", ylabel="all together (m)")
    return done(figure)


def regimes(
    systems: Mapping[str, tuple[Tensor, Tensor, Tensor]], loci: Tensor, t: Tensor
) -> Figure:
    """Eigenvalues that move through the plane, and impulse responses at some places on their way.

    Parameters
    ----------
    systems : {label: (A, B, C)}
        Where to stop and look.
    loci : Tensor (M, N), complex
        The eigenvalues on the way.
    t : Tensor (L,), seconds
    """
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 3.0), width_ratios=(1.1, 1), layout="constrained"
        )
        way = loci.resolve_conj().reshape(-1)
        left.plot(array(way.real), array(way.imag), ".", color="#bbbbbb", ms=2, ls="")
        looks = zip(systems.items(), MARKERS, COLOURS, strict=False)
        for i, ((label, system), marker, colour) in enumerate(looks):
            z, h = torch.linalg.eigvals(system[0]), lti.impulse_response(*system, t)
            left.plot(array(z.real), array(z.imag), marker, color=colour, ls="")
            at = len(t) // 8 * (i + 1)  # the same mark as in the plane, on the curve
            right.plot(array(t), array(h), marker=marker, markevery=[at], label=label)
        left.set(xlabel=r"decay Re $\lambda$ (1/s)", ylabel=r"pitch Im $\lambda$ (rad/s)")
        left.set_aspect("equal")
        left.axhline(0, color=QUIET, lw=0.8, ls="-")
        left.axvline(0, color=QUIET, lw=0.8, ls="-")
        right.set(xlabel="time since the knock (s)", ylabel="position (m)")
        right.legend(loc="upper right")
    return done(figure)


def bins(t: Tensor, h: Tensor, dt: float, K: Tensor) -> Figure:
    """An impulse response, cut into areas one step wide, and the samples that the areas are.

    Parameters
    ----------
    t, h : Tensor (T,)
        The response, finely.
    dt
        Step in seconds.
    K : Tensor (L,)
        The kernel: one area for each step.
    """
    with plt.rc_context(STYLE):
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(WIDTH, 3.6), sharex=True, layout="constrained"
        )
        top.plot(array(t), array(h))
        for l in range(len(K)):
            inside = array((t >= l * dt - 1e-9) & (t <= (l + 1) * dt + 1e-9))
            top.fill_between(
                array(t),
                array(h),
                where=inside.tolist(),
                color=COLOURS[l % 2],
                alpha=0.35,
                hatch=("//", "")[l % 2],
                linewidth=0,
            )
        top.set(ylabel="response h (m/Ns)")
        steps = (array(torch.arange(len(K))) + 0.5) * dt
        bottom.vlines(steps, 0, array(K), color=QUIET, lw=1)
        bottom.plot(steps, array(K), "o", color=COLOURS[0], ms=4)
        bottom.set(xlabel="time since the input (s)", ylabel=r"kernel $K_l$ (m/N)")
        for ax in (top, bottom):
            ax.axhline(0, color=QUIET, lw=0.8, ls="-")
    return done(figure)


def frequency_response(
    omega: Tensor, curves: Mapping[str, Tensor], measured: tuple[Tensor, Tensor]
) -> Figure:
    """Size and phase of transfer functions over frequency, with measured values as circles.

    Parameters
    ----------
    omega : Tensor (F,), radians per second
    curves : {label: Tensor (F,), complex}
    measured : (Tensor (M,), Tensor (M,) complex)
        Frequencies, and what was found there.
    """
    at, found = measured
    with plt.rc_context(STYLE):
        figure, (left, right) = plt.subplots(
            1, 2, figsize=(WIDTH, 2.8), layout="constrained"
        )
        for label, H in curves.items():
            left.loglog(array(omega), array(H.abs()), label=label)
            right.semilogx(array(omega), array(H.angle().rad2deg()), label=label)
        dots = {"ls": "", "marker": "o", "mfc": "none", "color": "#333333"}
        left.plot(array(at), array(found.abs()), label="measured", **dots)
        right.plot(array(at), array(found.angle().rad2deg()), **dots)
        left.set(xlabel=r"$\omega$ (rad/s)", ylabel="size |H| (m/N)")
        right.set(
            xlabel=r"$\omega$ (rad/s)",
            ylabel="phase of H (degrees)",
            yticks=range(-180, 1, 45),
        )
        left.legend(loc="lower left", fontsize=8)
    return done(figure)


def one_future(t: Tensor, u: Tensor, y: Tensor, now: float) -> Figure:
    """Two inputs that differ until now, and the outputs before and after.

    Parameters
    ----------
    t : Tensor (L,)
        Times at the end of the steps, in seconds.
    u, y : Tensor (2, L)
    now
        The moment from which on the inputs agree, in seconds.
    """
    with plt.rc_context(STYLE):
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(WIDTH, 3.6), sharex=True, layout="constrained"
        )
        edges = array(torch.cat([2 * t[:1] - t[1:2], t]))
        for i, label in enumerate(("one past", "another past")):
            look = {"color": COLOURS[i], "ls": DASHES[i]}
            top.stairs(
                array(u[i]), edges, baseline=None, lw=1.6, zorder=3, label=label, **look
            )
            bottom.plot(array(t), array(y[i]), **look)
        for ax in (top, bottom):
            ax.axvline(now, color="#333333", lw=0.9, ls="-")
        top.annotate(
            " now", (now, 1), xycoords=("data", "axes fraction"), va="top", fontsize=9
        )
        top.legend(ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
        top.set(ylabel="input u (N)")
        bottom.set(xlabel="time (s)", ylabel="output y (m)")
    return done(figure)


def capacities(lags: Sequence[int] | Tensor, curves: Mapping[str, Tensor]) -> Figure:
    """How much of the input of each lag several states still tell, one panel each.

    Parameters
    ----------
    lags : (L,) ints
    curves : {title: Tensor (L,)}
        Between 0 and 1.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(
            len(curves),
            1,
            figsize=(WIDTH, 0.95 * len(curves) + 0.5),
            sharex=True,
            sharey=True,
            layout="constrained",
        )
        for ax, (title, curve), colour in zip(axes, curves.items(), COLOURS, strict=False):
            ax.fill_between(
                array(lags), array(curve), step="mid", color=colour, alpha=0.5, lw=0
            )
            ax.plot(array(lags), array(curve), drawstyle="steps-mid", color=colour, lw=1)
            ax.set_title(title, loc="right", y=0.72, fontsize=9)
            ax.set(ylim=(0, 1.05), yticks=[0, 1])
        figure.supylabel("share that can be recalled", fontsize=9)
        axes[-1].set(xlabel="lag j (steps ago)")
    return done(figure)
