"""Figures: every curve is drawn, labelled, and told apart by more than its colour."""

import pytest
import torch
from matplotlib import pyplot as plt

from ssm_lib import plots

x = torch.linspace(0, 1, 20)
HISTORY = [{"epoch": e, "loss": 2.0 / e, "test_accuracy": 1 - 0.5 / e} for e in (1, 2, 3)]
FIGURES = {
    "signals": lambda: plots.signals(x, {"a": x, "b": x**2, "c": -x}),
    "views": lambda: plots.views(x, x, {"one": x, "two": x, "three": x}),
    "kernels": lambda: plots.kernels(x, {"left": torch.randn(3, 20), "right": torch.randn(3, 20)}),
    "spectrum": lambda: plots.spectrum({"a": x.flip(0) + 0.01, "b": x.flip(0) / 2 + 0.01}, 0.01, "size"),
    "digits": lambda: plots.digits(torch.randn(4, 64, 1), torch.arange(4)),
    "training": lambda: plots.training({"a": HISTORY, "b": HISTORY}),
    "belief": lambda: plots.belief(torch.randn(64), torch.rand(64, 10)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_labelled_and_taken_off_pyplots_list(name):
    before = plt.get_fignums()
    figure = FIGURES[name]()
    assert plt.get_fignums() == before
    figure.draw_without_rendering()  # warnings (a missing glyph, a clash in the layout) are errors
    panels = [ax for ax in figure.axes if ax.lines or ax.patches]
    assert name == "digits" or all(
        ax.get_xlabel() or ax.get_shared_x_axes().joined(ax, panels[-1]) for ax in panels
    )
    assert any(ax.get_ylabel() for ax in figure.axes)


@pytest.mark.parametrize("name", ["signals", "views", "kernels", "spectrum", "training"])
def test_curves_differ_by_more_than_colour(name):
    for ax in FIGURES[name]().axes:
        curves = [line for line in ax.lines if line.get_label()[0] != "_"]
        looks = [
            (c.get_linestyle(), str(c._unscaled_dash_pattern), c.get_marker(), c.get_linewidth())
            for c in curves
        ]
        assert len(set(looks)) == len(looks)
        shades = [c.get_color() for c in curves]
        assert len(set(shades)) == len(shades)


def test_curves_hold_the_data():
    figure = FIGURES["signals"]()
    torch.testing.assert_close(torch.as_tensor(figure.axes[0].lines[1].get_ydata()), x**2)
    right = FIGURES["training"]().axes[1]
    assert list(right.lines[0].get_ydata()) == pytest.approx([50, 75, 100 * (1 - 0.5 / 3)])
