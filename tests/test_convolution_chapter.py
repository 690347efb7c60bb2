"""Chapter 05: its widget's numbers against torch, its figures, its formula on the circle, its checks."""

import pytest
import torch
import widget_tools
from matplotlib import pyplot as plt

from ssm_lib import conv, oracles, plots
from ssm_lib.check import convolution
from ssm_lib.widgets import Padding

PLACES = [(0, 32, 50), (10, 20, 40), (31, 32, 60), (30, 32, 60), (63, 48, 0), (0, 1, 60), (0, 48, 0)]


@pytest.fixture(scope="module")
def numbers():
    """What the browser computes at each place."""
    return widget_tools.module(Padding)("places.map((place) => outputs(...place))", places=PLACES)


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_widget_computes_what_torch_does(numbers, place):
    found = numbers[PLACES.index(place)]
    around, right = Padding(*place).outputs()
    for name, expected in (("around", around), ("right", right), ("u", Padding(*place).signal())):
        torch.testing.assert_close(torch.tensor(found[name], dtype=torch.float64), expected)
    off = (around - right).abs() > 1e-9
    assert found["wrong"] == off.nonzero().flatten().tolist()
    assert found["exposed"] == max(0, place[1] - 1 - place[0])
    assert all(l < found["exposed"] for l in found["wrong"])


def test_the_exposed_outputs_are_those_that_can_go_wrong():
    """With the burst at the very end, all of them do; with enough zeros, none."""
    around, right = Padding(10, 32, 60).outputs()
    assert ((around - right).abs() > 1e-9)[:21].all()
    around, right = Padding(31, 32, 60).outputs()
    torch.testing.assert_close(around, right)


def test_a_circle_is_a_product_of_transforms():
    for n in (1, 2, 7, 16):
        u, k = torch.randn(2, n, dtype=torch.float64)
        expected = torch.fft.ifft(torch.fft.fft(u) * torch.fft.fft(k)).real
        torch.testing.assert_close(oracles.circular_convolution(u, k), expected)


def test_on_the_twisted_circle_the_second_kernel_needs_a_minus():
    """What crosses the end of the period comes back with its sign changed."""
    u, past, future = torch.randn(3, 9, dtype=torch.float64)
    zero = torch.zeros(9, dtype=torch.float64)
    l = torch.arange(18)
    turned = torch.where(l[:, None] >= l, 1.0, -1.0)  # (l, j): -1 where l - j crosses the end

    def twisted(taps):
        return (turned * taps * torch.cat([u, zero])[(l[:, None] - l) % 18]).sum(1)[:9]

    both = conv.bidirectional(u, past, future)
    torch.testing.assert_close(twisted(torch.cat([past, -future.flip(0)])), both)
    assert (twisted(torch.cat([past, future.flip(0)])) - both).abs().max() > 0.1


def test_figures_hold_the_data():
    before = plt.get_fignums()
    t = torch.linspace(0, 1, 40)
    figure = plots.leak(t, t, t**2, t**2 + (t < 0.2))
    figure.draw_without_rendering()
    assert plt.get_fignums() == before
    for ax, y in zip(figure.axes, (t, t**2, t**2 + (t < 0.2)), strict=True):
        torch.testing.assert_close(torch.as_tensor(ax.lines[0].get_ydata()), y)
    shaded = figure.axes[2].patches[0].get_extents().transformed(figure.axes[2].transData.inverted())
    assert shaded.x0 == pytest.approx(0)
    assert shaded.x1 == pytest.approx(float(t[t < 0.2][-1]), abs=1e-6)
    figure = plots.rows(t, {"a": t, "b": t**2})
    figure.draw_without_rendering()
    assert [ax.get_ylabel() for ax in figure.axes] == ["a", "b"]
    for ax, y in zip(figure.axes, (t, t**2), strict=True):
        torch.testing.assert_close(torch.as_tensor(ax.lines[0].get_ydata()), y)
    lengths = 2 ** torch.arange(3, 8)
    figure = plots.costs(lengths, {"a": lengths.double(), "b": lengths.double().log2()})
    figure.draw_without_rendering()
    assert [line.get_label() for line in figure.axes[0].lines] == ["a", "b"]
    assert figure.axes[0].get_xscale() == figure.axes[0].get_yscale() == "log"


def by_the_sum(u, g, taps):
    return torch.stack([u[: len(u) - j] @ g[j:] for j in range(taps)])


def by_a_matrix(u, g, taps):
    padded = torch.cat([g, torch.zeros(taps - 1, dtype=g.dtype)])
    return padded.unfold(0, len(u), 1) @ u


def test_wrong_answers_get_their_hint(capsys):
    assert not convolution.zeros(65)
    assert "one less will do" in capsys.readouterr().out
    assert not convolution.fold(lambda whole, n: whole[:n])
    assert not convolution.kernel_gradient(lambda u, g, taps: torch.zeros(taps, dtype=u.dtype))

    def without_zeros(u, g, taps):
        return torch.fft.irfft(torch.fft.rfft(u).conj() * torch.fft.rfft(g), n=len(u))[:taps]

    assert not convolution.kernel_gradient(without_zeros)
    capsys.readouterr()
    assert not convolution.kernel_gradient(by_the_sum)
    assert "do without a loop" in capsys.readouterr().out
    assert not convolution.kernel_gradient(by_a_matrix)
    assert "do without a matrix" in capsys.readouterr().out
    assert not convolution.overlap_add(lambda chunks, k: torch.cat(chunks))
    played, recorded = convolution.room()
    assert not convolution.measured_room((torch.fft.rfft(recorded)[:4000]).real)
    assert len(played) == 4000
