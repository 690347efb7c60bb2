"""What all figures share: colours, dashes, width, and how a figure is handed to a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

# Okabe and Ito's colours, told apart also by their dashes
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b4538a", "#8a6a00", "#56b4e9")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1.5)), (0, (9, 3)))
WIDTH = 7.2  # inches
STYLE: Any = {
    "figure.dpi": 160,
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": "#d9d9d9",
    "grid.linewidth": 0.5,
    "lines.linewidth": 1.6,
    "legend.frameon": False,
    "axes.prop_cycle": cycler(color=COLOURS) + cycler(linestyle=DASHES),
    "savefig.facecolor": "white",
}


def bare(ax: Axes) -> None:
    """Nothing but the picture."""
    ax.set(xticks=[], yticks=[])
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def array(x: Tensor | Sequence[float]) -> np.ndarray:
    """As a NumPy array, off the graph and the device."""
    return torch.as_tensor(x).detach().cpu().numpy()


def done(figure: Figure) -> Figure:
    """Take the figure off pyplot's list, so that a notebook shows it once."""
    plt.close(figure)
    return figure
