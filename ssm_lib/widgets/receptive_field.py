"""ReceptiveField: how far back each block of a model looks, trained and at its start.

Python measures the fields and passes them; `receptive_field.js` takes shares, centres and reaches of them, and
tests/test_deep_chapter.py holds these equal to `ssm_lib.depth`.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
import traitlets
from torch import Tensor

from ssm_lib import depth
from ssm_lib.widgets.base import STYLES, Flag, Integer, Number, Widget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

BLOCKS, MOST = 4, 256


def _smooth(r: float) -> list[list[float]]:
    """The kernels of 1 to 4 layers r^l one after the other, 64 lags: an example to start from."""
    return [
        [float(f"{math.comb(l + m, m) * r**l:.4g}") for l in range(64)]
        for m in range(BLOCKS)
    ]


class ReceptiveField(Widget):
    """Choose a block, and the share of its field that you ask the reach of.

    Parameters
    ----------
    trained, start
        Fields of the four blocks, as `ssm_lib.depth.receptive_field` measures them, (4, L) as lists with
        the same L from 2 to 256; four significant digits are kept. By default those of layers
        with the kernels 0.95^l and 0.85^l.
    block
        1 to 4.
    share
        0.5 to 0.99: the reach is the lag up to which the field has this share of its sum.
    log
        Whether the field is drawn on a logarithmic axis.
    """

    trained = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    start = traitlets.List(traitlets.List(traitlets.Float())).tag(sync=True)
    block = Integer(1, 1, BLOCKS)
    share = Number(0.9, 0.5, 0.99, step=0.01)
    log = Flag(True)
    in_repr = ("block", "share", "log")

    @traitlets.default("trained")
    def _slow(self) -> list[list[float]]:
        return _smooth(0.95)

    @traitlets.default("start")
    def _quick(self) -> list[list[float]]:
        return _smooth(0.85)

    @traitlets.validate("trained", "start")
    def _fits(self, proposal: dict[str, Any]) -> list[list[float]]:
        rows, name = proposal["value"], proposal["trait"].name
        lengths = sorted({len(row) for row in rows})
        if len(rows) != BLOCKS or len(lengths) != 1 or not 2 <= lengths[0] <= MOST:
            raise traitlets.TraitError(
                f"{name} must be {BLOCKS} lists of one length from 2 to {MOST}, got "
                f"{len(rows)} of lengths {lengths}"
            )
        for row in rows:
            if not (all(0 <= v < math.inf for v in row) and sum(row) > 0):
                raise traitlets.TraitError(
                    f"{name} must hold finite numbers of at least 0, and not only zeros in a row"
                )
        return [[float(f"{v:.4g}") for v in row] for row in rows]

    def fields(self) -> dict[str, Tensor]:
        """{"trained" or "start": (4, L) float64}."""
        found = {"trained": self.trained, "start": self.start}
        return {
            name: torch.tensor(rows, dtype=torch.float64) for name, rows in found.items()
        }

    def figure(self) -> Figure:
        """The widget as a still picture, for paper and for pages that run no scripts."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(9, 3.4), layout="constrained")
        lags, blocks = figure.subplots(1, 2, width_ratios=(3, 2))
        highest = 0.0
        for (name, rows), (colour, dash, mark) in zip(
            self.fields().items(), STYLES, strict=False
        ):
            words = "trained" if name == "trained" else "at the start"
            field = rows[self.block - 1]
            lags.plot(100 * field / field.sum(), color=colour, ls=dash, lw=1.2, label=words)
            reach = depth.reach(rows, self.share)
            lags.axvline(float(reach[self.block - 1]), color=colour, ls=dash, lw=0.8)
            numbers = range(1, BLOCKS + 1)
            blocks.plot(numbers, reach, mark, color=colour, ls=dash, label=words)
            highest = max(highest, float(reach.max()))
        lags.set(xlabel="lag (steps)", ylabel="share of the field (%)")
        lags.set(title=f"Block {self.block}", yscale="log" if self.log else "linear")
        blocks.set(xlabel="block", ylabel="lag (steps)", xticks=range(1, BLOCKS + 1))
        blocks.set(title=f"Reach of {100 * self.share:.0f} %", ylim=(0, 1.06 * highest + 1))
        lags.legend(frameon=False)
        for ax in (lags, blocks):
            ax.spines[["top", "right"]].set_visible(False)
        return figure
