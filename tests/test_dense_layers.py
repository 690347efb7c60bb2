"""LSSL and S4: what their papers say of them, beyond the contract of all layers."""

import pytest
import torch

from ssm_lib import discretize, hippo, kernels, oracles
from ssm_lib.layers.lssl import LSSL
from ssm_lib.layers.s4 import S4
from ssm_lib.layers.s4d import S4D


@pytest.mark.parametrize("init", hippo.MEASURES)
def test_lssl_kernel_is_the_krylov_function_of_hippo(init):
    layer = LSSL(3, 8, init).double()
    A, B = hippo.transition(init, 8)
    for h in range(3):
        A_bar, B_bar = discretize.dense(
            A.float().double(), B.float().double(), layer.log_dt[h].exp(), "bilinear"
        )
        expected = oracles.kernel(A_bar, B_bar, layer.C[h].detach(), 50)
        torch.testing.assert_close(layer.kernel(50)[h], expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("trained", [False, True])
def test_lssl_trains_its_matrix_only_if_asked(trained):
    layer = LSSL(3, 4, trained=trained)
    assert ({"A", "B", "log_dt"} <= dict(layer.named_parameters()).keys()) is trained
    assert {"A", "B", "log_dt"} <= layer.state_dict().keys()
    layer(torch.randn(2, 9, 3)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in layer.parameters())


@pytest.mark.parametrize("algorithm", ["krylov", "cauchy"])
@pytest.mark.parametrize("init", ["legs", "legt", "fourier"])
def test_s4_kernel_is_the_papers(init, algorithm):
    layer = S4(3, 8, init).double()
    P, B, C = (torch.view_as_complex(x.detach()) for x in (layer.P, layer.B, layer.C))
    K = kernels.dplr(layer.eigenvalues(), P, B, C, layer.log_dt.exp(), 100, algorithm=algorithm)
    torch.testing.assert_close(layer.kernel(100), K, rtol=1e-9, atol=1e-9)


def test_s4_starts_as_hippo_legs():
    """Whatever its output weights are, the states of S4 are those of LegS in another basis."""
    layer = S4(2, 8).double()
    A, B = hippo.transition("legs", 8)
    _, _, _, V = hippo.nplr("legs", 8)
    state, x = None, torch.zeros(8, dtype=torch.float64)
    A_bar, B_bar = discretize.dense(A, B, layer.log_dt[1].exp().detach(), "bilinear")
    for u in torch.randn(60, dtype=torch.float64):
        _, state = layer.step(u * torch.ones(1, 2, dtype=torch.float64), state)
        x = A_bar @ x + B_bar * u
    modes = torch.complex(state[0, 1, :4], state[0, 1, 4:])
    torch.testing.assert_close(2 * (V @ modes).real, x, rtol=1e-5, atol=1e-5)  # parameters began in float32


def test_s4_without_its_low_rank_part_is_s4d():
    layer = S4(2, 8).double()
    with torch.no_grad():
        layer.P.zero_()
    diagonal = S4D(2, 8, discretization="bilinear").double()
    names = ("log_neg_re", "imag", "B", "C", "log_dt", "D")
    diagonal.load_state_dict({name: layer.state_dict()[name] for name in names})
    u = torch.randn(2, 70, 2, dtype=torch.float64)
    torch.testing.assert_close(layer(u), diagonal(u), rtol=1e-9, atol=1e-9)


@torch.no_grad()
def test_s4_is_stable_whatever_its_low_rank_part():
    layer = S4(4, 16, dt_min=0.1, dt_max=1.0).double()
    layer.P.normal_(0, 30)
    layer.imag.normal_(0, 30)
    A_bar, *_ = layer._discrete(1.0)
    assert float(torch.linalg.eigvals(A_bar).abs().max()) < 1


def test_s4_step_costs_no_dense_matrix():
    """The O(N) step equals the dense one of its real form."""
    layer = S4(3, 8, "legt").double()
    u, state = torch.randn(2, 3, dtype=torch.float64), torch.randn(2, 3, 8, dtype=torch.float64)
    fast, slow = layer._advance(u, state, 1.0), super(S4, layer)._advance(u, state, 1.0)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-9)


def test_a_state_is_the_sum_over_the_past():
    A, B = hippo.transition("legt", 6)
    A_bar, B_bar = discretize.dense(A, B, torch.tensor([0.01, 0.1], dtype=torch.float64), "bilinear")
    u = torch.randn(3, 2, 37, dtype=torch.float64)
    x = torch.zeros(3, 2, 6, dtype=torch.float64)
    for k in range(37):
        x = torch.einsum("hmn,bhn->bhm", A_bar, x) + B_bar * u[..., k, None]
    torch.testing.assert_close(kernels.krylov_transpose(A_bar, B_bar, u), x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: S4(2, 7), "d_state must be even"),
        (lambda: S4(2, 8, "lagt"), "unknown init 'lagt'"),
        (lambda: LSSL(2, 8, "hippo"), "unknown init 'hippo'"),
        (lambda: LSSL(2, 7, "fourier"), "N must be even"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("method", "first"),
    [
        ("bilinear", [0.2451992041, 0.1945812428, 0.1537414317, 0.1208471745, 0.0944042884, 0.0731949782]),
        ("zoh", [0.2443037005, 0.1940204314, 0.1534228073, 0.1207007967, 0.0943776402, 0.0732489473]),
    ],
)
def test_kernel_of_two_states_matches_golden_numbers(method, first):
    """LegS, N = 2, step 0.1, C = 1."""
    A, B = hippo.transition("legs", 2)
    K = kernels.krylov(*discretize.dense(A, B, 0.1, method), torch.ones_like(B), 101)
    torch.testing.assert_close(K[:6], torch.tensor(first, dtype=torch.float64), rtol=0, atol=6e-11)
    if method == "bilinear":
        assert float(K[100]) == pytest.approx(-3.13833e-6, abs=5e-12)
