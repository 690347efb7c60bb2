"""S4D: its kernel against an integral, its initial values and its own arguments."""

import pytest
import torch

from ssm_lib.layers.s4d import S4D, initial_eigenvalues


def gap(x, y):
    """Largest difference relative to the largest value."""
    x, y = x.detach(), y.detach()
    return float((x - y).abs().max() / y.abs().max())


def test_coarser_kernel_is_the_sum_of_pairs_under_zoh():
    layer = S4D(3, 8).double()
    assert gap(layer.kernel(40, rate=2.0), layer.kernel(80).unflatten(1, (40, 2)).sum(2)) < 1e-10


def test_zoh_kernel_is_the_integral_of_the_continuous_one():
    """The sample K_l equals the integral of C e^{sA} B over the step, for each channel."""
    layer = S4D(3, 8, init="lin").double()
    Lambda = layer.eigenvalues()
    dt = layer.log_dt.exp()[:, None]
    w = torch.view_as_complex(layer.C.detach()) * torch.view_as_complex(layer.B.detach())
    s = (torch.arange(10 * 400, dtype=torch.float64) + 0.5) / 400  # midpoints, 400 in each of 10 steps
    fine = 2 * torch.einsum("hn,hnl->hl", w, torch.exp((Lambda * dt)[..., None] * s)).real * dt / 400
    assert gap(layer.kernel(10), fine.unflatten(1, (10, 400)).sum(2)) < 1e-5


@pytest.mark.parametrize(
    ("init", "first", "last"),
    [("lin", 0.0, 97.3893722613), ("inv", 1283.4042, 0.3234), ("legs", 0.2639, 1303.27)],
)
def test_initial_eigenvalues(init, first, last):
    Lambda, B = initial_eigenvalues(init, 64)
    assert Lambda.shape == B.shape == (32,)
    assert bool((Lambda.real + 0.5).abs().max() < 1e-12)
    torch.testing.assert_close(Lambda.imag[[0, -1]].tolist(), [first, last], rtol=1e-3, atol=1e-3)


def test_initial_steps_are_log_uniform():
    dt = S4D(20000, 2, dt_min=1e-3, dt_max=1e-1).log_dt.detach().exp()
    assert 1e-3 <= float(dt.min()) < 1.01e-3
    assert 0.099 < float(dt.max()) <= 0.1001
    assert abs(float((dt < 1e-2).double().mean()) - 0.5) < 0.02  # half of them in each decade


BAD = [
    (lambda: S4D(4, 7), ValueError, "d_state must be even"),
    (lambda: S4D(4, init="hippo"), ValueError, "unknown init 'hippo'; expected one of .*'legs'"),
    (lambda: S4D(4, init=None), TypeError, "init must be a str"),
    (lambda: S4D(4, discretization="euler"), ValueError, "unknown discretization 'euler'"),
    (
        lambda: S4D(3, 8)(torch.ones(2, 5, 3), state=torch.zeros(2, 3, 3, 2)),
        ValueError,
        r"state must have shape \(2, 3, 4, 2\), got \(2, 3, 3, 2\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD)
def test_bad_input_is_named(call, error, message):
    with pytest.raises(error, match=message):
        call()
