"""DSS and DLR: what their papers say of them, beyond the contract of all layers."""

import pytest
import torch

from ssm_lib import conv, hippo, kernels, oracles
from ssm_lib.layers.dlr import DLR
from ssm_lib.layers.dss import DSS, initial_eigenvalues


def pair(x):
    return torch.view_as_complex(x.detach().double())


@pytest.mark.parametrize("variant", ["exp", "softmax"])
@pytest.mark.parametrize("L", [1, 2, 40])
def test_dss_kernel_is_the_printed_formula(variant, L):
    layer = DSS(3, 8, variant).double()
    expected = oracles.dss_kernel(layer.eigenvalues(), pair(layer.W), layer.log_dt.exp(), L, variant)
    torch.testing.assert_close(layer.kernel(L), expected, rtol=1e-9, atol=1e-9)


def test_dss_starts_from_skew_hippo():
    Lambda = initial_eigenvalues("skew", 8)
    torch.testing.assert_close(Lambda, hippo.nplr("legs", 16)[0])
    torch.testing.assert_close(DSS(2, 8).eigenvalues(), Lambda.to(torch.complex64).to(torch.complex128))
    assert float(DSS(400, 64).W.detach().std()) == pytest.approx(1, abs=0.02)


def test_dss_softmax_depends_on_the_length_and_exp_does_not():
    softmax, exp = DSS(2, 4, "softmax").double(), DSS(2, 4, "exp").double()
    assert not torch.allclose(softmax.kernel(20)[:, :10], softmax.kernel(10))
    torch.testing.assert_close(exp.kernel(20)[:, :10], exp.kernel(10))
    fixed = DSS(2, 4, "softmax", length=20).double()
    fixed.load_state_dict(softmax.state_dict())
    torch.testing.assert_close(fixed.kernel(10), softmax.kernel(20)[:, :10])


def test_dss_softmax_asks_for_the_length_it_was_trained_at():
    layer, u = DSS(2, 4, "softmax"), torch.randn(3, 10, 2)
    for call in (
        lambda: layer.step(u[:, 0], None),
        lambda: layer(u, return_state=True),
        lambda: layer(u, state=layer.initial_state(3)),
        lambda: layer(u, lengths=[10, 2, 3]),
    ):
        with pytest.raises(ValueError, match=r"must know the one it was trained at, DSS\(..., length=L\)"):
            call()
    fixed = DSS(2, 4, "softmax", length=8)
    with pytest.raises(ValueError, match="over 8 steps, got a sequence of 10"):
        fixed(u)
    with pytest.raises(ValueError, match="rate must be positive"):
        fixed(u[:, :8], rate=0, return_state=True)
    with pytest.raises(ValueError, match="length=8 belongs to variant 'softmax'"):
        DSS(2, 4, "exp", length=8)


def test_growing_modes_step_like_their_kernel():
    layer = DSS(3, 6, "softmax", length=60, dt_min=0.01).double()
    with torch.no_grad():
        layer.re[::2] = 0.7  # every other mode grows
    u, state, out = torch.randn(2, 60, 3, dtype=torch.float64), None, []
    for u_t in u.unbind(1):
        y, state = layer.step(u_t, state)
        out.append(y)
    torch.testing.assert_close(torch.stack(out, 1), layer(u), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_dss_at_another_rate_keeps_the_weight_of_the_past():
    layer = DSS(3, 6, "softmax", length=60).double()
    fine, coarse = layer.kernel(60), layer.kernel(30, rate=2.0)
    assert float((fine.sum(1) - coarse.sum(1)).abs().max() / fine.sum(1).abs().max()) < 0.05


def test_dlr_matches_the_original_bidirectional_convolution(reference):
    u, Lambda, W, y = (reference[f"dlr/bidir/{key}"] for key in ("u", "Lambda", "W", "y"))
    L = max(u.shape[1:])
    k = [kernels.dlr(Lambda, w, L) for w in W]
    ours = conv.bidirectional(u if u.shape[-1] == L else u.mT, k[0], k[1])
    theirs = y if y.shape == ours.shape else y.mT
    assert float((ours - theirs).abs().max() / theirs.abs().max()) < 2e-4


@pytest.mark.parametrize("output", ["real", "imag", "sum", "prod"])
def test_dlr_outputs(output):
    layer = DLR(3, 16, output).double()
    k = torch.einsum("hn,nl->hl", pair(layer.W), torch.exp(layer.eigenvalues()[:, None] * torch.arange(30)))
    expected = {"real": k.real, "imag": k.imag, "sum": k.real + k.imag, "prod": k.real * k.imag}[output]
    torch.testing.assert_close(layer.kernel(30), expected, rtol=1e-10, atol=1e-12)
    u = torch.randn(2, 30, 3, dtype=torch.float64)
    y = conv.causal(u.mT, expected).mT + layer.D * u
    torch.testing.assert_close(layer(u), y, rtol=1e-9, atol=1e-10)


def test_dlr_prod_has_no_recurrence():
    layer, u = DLR(2, 4, "prod"), torch.randn(1, 5, 2)
    for call in (
        lambda: layer.step(u[:, 0], None),
        lambda: layer(u, state=layer.initial_state(1)),
        lambda: layer(u, return_state=True),
    ):
        with pytest.raises(ValueError, match="no recurrence of N modes"):
            call()


def test_dlr_never_grows_and_starts_at_the_roots_of_unity():
    layer = DLR(2, 32, dt_min=1e-5, dt_max=1e-5).double()
    with torch.no_grad():
        layer.theta.mul_(-1)
    Lambda = layer.eigenvalues()
    torch.testing.assert_close(
        Lambda.real, torch.full((32,), -0.5e-5, dtype=torch.float64), rtol=1e-5, atol=0
    )
    torch.testing.assert_close(
        Lambda.imag[8], torch.tensor(torch.pi / 2, dtype=torch.float64), rtol=1e-6, atol=0
    )
    with pytest.raises(ValueError, match="unknown output 'abs'"):
        DLR(2, 4, "abs")
