"""Kernels as matrix products against the printed formulas, golden numbers and the original code."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib import discretize, hippo, kernels, oracles
from ssm_lib.kernels import products
from ssm_lib.layers.s4d import initial_eigenvalues

LENGTHS = [1, 2, 3, 777, 16384]
S4D_LIN = {  # two modes, B = C = 1, dt = 0.1
    "zoh": [0.3870112086, 0.3503411878, 0.3009849527, 0.2440201623, 0.1848089238, 0.1284566836],
    "bilinear": [0.3857665979, 0.3498772321, 0.3014449017, 0.245362496, 0.1868283871, 0.1308268242],
}
LEGS = {  # dense, N = 4, C = 1, dt = 0.1
    "bilinear": [0.5470521977, 0.2234393675, 0.0639939291, -0.0045994186, -0.0256215502, -0.0239291607],
    "zoh": [0.5299328699, 0.2212216587, 0.0676814342, 0.0005733328, -0.0209099753, -0.0203510241],
}


@pytest.fixture(params=["as it is", "products"], autouse=True)
def both_ways(request, monkeypatch):
    """What is small, once as the sum that is written, and once by the products that long kernels take."""
    if request.param == "products":
        monkeypatch.setattr(products, "SMALL", 0)


def system(init, N=16, H=3, dtype=torch.complex128):
    """A random S4D: A, B, C (H, modes) and dt (H,)."""
    generator = torch.Generator().manual_seed(0)
    Lambda, B = initial_eigenvalues(init, N)
    C = torch.randn(H, len(Lambda), dtype=Lambda.dtype, generator=generator)
    dt = torch.tensor([0.001, 0.02, 0.3], dtype=torch.float64)[:H]
    real = torch.float64 if dtype == torch.complex128 else torch.float32
    kind = dtype if Lambda.is_complex() else real
    return Lambda.expand(H, -1).to(kind), B.expand(H, -1).to(kind), C.to(kind), dt.to(real)


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("init", ["legs", "lin", "inv", "real"])
def test_diagonal_equals_the_printed_formula(init, method, L):
    A, B, C, dt = system(init)
    expected = oracles.diagonal_kernel(*discretize.diagonal(A, B, dt, method), C, L)
    K = kernels.diagonal(A, B, C, dt, L, method)
    assert K.shape == (3, L)
    assert K.dtype == torch.float64
    scale = float(expected.abs().max())
    torch.testing.assert_close(K, expected, rtol=0, atol=1e-10 * scale)
    single = kernels.diagonal(*(x.to(_single(x)) for x in (A, B, C)), dt, L, method)
    # the oracle must see the same rounded eigenvalues: this compares arithmetic, not rounding
    rounded = [x.to(_single(x)).to(x.dtype) for x in (A, B, C)]
    exact = oracles.diagonal_kernel(*discretize.diagonal(*rounded[:2], dt, method), rounded[2], L)
    assert single.dtype == torch.float32
    assert float((single - exact).abs().max()) < 5e-7 * scale


def _single(x):
    return torch.complex64 if x.is_complex() else torch.float32


@pytest.mark.parametrize("method", S4D_LIN)
def test_diagonal_matches_golden_numbers(method):
    Lambda, B = initial_eigenvalues("lin", 4)
    dt = torch.tensor([0.1], dtype=torch.float64)
    K = kernels.diagonal(Lambda[None], B[None], torch.ones_like(B)[None], dt, 6, method)
    torch.testing.assert_close(K[0], torch.tensor(S4D_LIN[method], dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", LEGS)
def test_dense_oracle_matches_golden_numbers(method):
    A_bar, B_bar = discretize.dense(*hippo.transition("legs", 4), 0.1, method)
    K = oracles.kernel(A_bar, B_bar, torch.ones(4, dtype=torch.float64), 6)
    torch.testing.assert_close(K, torch.tensor(LEGS[method], dtype=torch.float64), rtol=0, atol=1e-9)


@pytest.mark.parametrize(("init", "method"), [("lin", "zoh"), ("lin", "bilinear"), ("inv", "zoh")])
def test_diagonal_matches_the_original_implementation(reference, init, method):
    name = f"s4d/diag-{init}/{method}"
    A, B, C, dt, K = (reference[f"{name}/{key}"] for key in ("A", "B", "C", "dt", "K"))
    ours = kernels.diagonal(A, B.reshape(A.shape), C.reshape(A.shape), dt.reshape(-1), 777, method)
    assert float((ours - K[0]).abs().max() / K.abs().max()) < 2e-4


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
def test_vandermonde_of_negative_zero_and_growing_modes(dtype):
    log_a = torch.tensor([0.0, -1e4, 0.01, -0.3], dtype=dtype)
    w = torch.tensor([1.0, 1.0, -0.5, 2.0], dtype=dtype)
    K = kernels.vandermonde(log_a, w, 50)
    powers = torch.exp(log_a[:, None] * torch.arange(50))
    torch.testing.assert_close(K, (w[:, None] * powers).sum(0).real)


def test_vandermonde_broadcasts_leading_dimensions():
    A, _, C, dt = system("lin")
    log_a, w = A * dt[:, None], torch.stack([C, 2 * C])
    K = kernels.vandermonde(log_a, w, 10)
    assert K.shape == (2, 3, 10)
    torch.testing.assert_close(K[1], 2 * kernels.vandermonde(log_a, C, 10))


def test_a_mode_that_dies_in_one_step():
    A = torch.tensor([[-20.0]], dtype=torch.float64)  # bilinear with dt = 0.1: A_bar = 0
    one = torch.ones_like(A)
    K = kernels.diagonal(A, one, one, torch.tensor([0.1], dtype=torch.float64), 5, "bilinear")
    torch.testing.assert_close(K, torch.tensor([[0.1, 0, 0, 0, 0]], dtype=torch.float64))


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize("complex_modes", [True, False])
def test_vandermonde_transpose_is_the_last_state(L, complex_modes):
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(2, 3, L, dtype=torch.float64, generator=generator)
    log_a = torch.tensor([[-0.01, -0.5]], dtype=torch.float64).expand(3, 2)
    log_a = torch.complex(log_a, log_a * 7) if complex_modes else log_a
    powers = torch.exp(log_a[..., None] * torch.arange(L - 1, -1, -1))  # (3, 2, L)
    expected = torch.einsum("hnl,bhl->bhn", powers, u.to(powers.dtype))
    torch.testing.assert_close(kernels.vandermonde_transpose(log_a, u), expected)


@pytest.mark.parametrize("method", ["zoh", "bilinear"])
@pytest.mark.parametrize("init", ["lin", "real"])
def test_gradients(init, method):
    inputs = [x.clone().requires_grad_() for x in system(init, N=4, H=2)]
    assert torch.autograd.gradcheck(lambda *x: kernels.diagonal(*x, 7, method), inputs)
    log_a = (inputs[0] * 0.1).detach().requires_grad_()
    u = torch.randn(2, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(kernels.vandermonde_transpose, (log_a, u))


@pytest.mark.parametrize("complex_modes", [True, False])
@pytest.mark.parametrize("shape", [(2, 3), (3,), (4, 2, 3)])
def test_gradients_may_be_differentiated_again(complex_modes, shape):
    """One sum for each system, systems that share their weights, sums that share their modes."""
    dtype = torch.complex128 if complex_modes else torch.float64
    log_a = (0.2 * torch.randn(2, 3, dtype=dtype) - 0.5).requires_grad_()
    w = torch.randn(shape, dtype=dtype, requires_grad=True)
    u = torch.randn(*shape[:-1], 11, dtype=torch.float64, requires_grad=True)
    for check in (torch.autograd.gradcheck, torch.autograd.gradgradcheck):
        assert check(lambda *x: kernels.vandermonde(*x, 11), (log_a, w))
        assert check(kernels.vandermonde_transpose, (log_a, u))


def test_gradients_can_be_viewed_as_real():
    """As an optimizer does with complex ones; PyTorch refuses it of a tensor that is conjugate lazily."""
    log_a, w = ((torch.randn(2, 3, dtype=torch.complex128) - 1).requires_grad_() for _ in range(2))
    for K in (
        kernels.vandermonde(log_a, w, 30),
        kernels.dplr(log_a, w[None], w, w, torch.tensor([0.1, 0.2]), 30),
        kernels.dlr(log_a[0], w, 30),
    ):
        for gradient in torch.autograd.grad(K.sum(), (log_a, w)):
            assert torch.view_as_real(gradient).abs().sum() > 0


@pytest.mark.parametrize(("L", "N"), [(777, 16), (16384, 8)])
def test_gradients_in_single_precision(L, N):
    A, B, C, dt = (x.to(torch.complex64) if x.is_complex() else x.float() for x in system("legs", N))
    grad, norms = torch.randn(3, L), []

    def gradients(kernel, *inputs):
        inputs = [x.requires_grad_() for x in inputs]
        return torch.autograd.grad(kernel(*inputs), inputs, grad.to(inputs[-1].dtype))

    def formula(A, B, C, dt):
        return oracles.diagonal_kernel(*discretize.diagonal(A, B, dt, "zoh"), C, L)

    exact = gradients(formula, *(x.to(torch.complex128) for x in (A, B, C)), dt.double())
    ours = gradients(lambda *x: kernels.diagonal(*x, L), A, B, C, dt)
    for x, y in zip(ours, exact, strict=True):
        norms.append(float((x - y).abs().max() / y.abs().max()))
    assert max(norms) < 2e-6, norms


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_powers_are_the_two_factors(dtype):
    log_a = torch.complex(-torch.rand(2, 3, dtype=torch.float64) / 50, torch.randn(2, 3).double())
    Q, b = 20, 37
    rows, columns = kernels.powers(log_a, Q, b, dtype)
    assert (rows.shape, columns.shape) == ((2, Q, 3), (2, b, 3))
    product = (rows[:, :, None] * columns[:, None]).flatten(1, 2)
    exact = torch.exp(log_a[:, None] * torch.arange(Q * b)[:, None])
    assert product.real.dtype == dtype
    assert float((product - exact).abs().max()) < (1e-12 if dtype == torch.float64 else 5e-7)


def test_a_million_samples_keep_their_phase():
    L = 1_000_000
    log_a = torch.tensor([-1e-6 + 0.01j, -1e-7 + 0.05j], dtype=torch.complex128)
    w = torch.tensor([1.0, 0.5j], dtype=torch.complex128)
    exact = (w * torch.exp(log_a * torch.arange(L)[:, None])).sum(-1).real
    assert float((kernels.vandermonde(log_a, w, L) - exact).abs().max()) < 1e-10
    single = kernels.vandermonde(log_a, w.to(torch.complex64), L)
    assert float((single - exact).abs().max()) < 5e-7


class Largest(TorchDispatchMode):
    """Records the size of the largest tensor that any operation returns."""

    numel = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(x, torch.Tensor):
                # what is in memory, not what a view shows of it
                self.numel = max(self.numel, x.untyped_storage().nbytes() // 4)
        return out

    def watch(self, function, calls):
        """The function, with this mode on inside."""

        def watched(*args):
            calls.append(function.__name__)
            with self:
                return function(*args)

        return watched


@pytest.mark.parametrize(("H", "N", "L"), [(16, 64, 16384), (1, 256, 100_000)])
def test_no_tensor_of_all_powers(H, N, L, monkeypatch):
    """Memory: forward and backward hold the kernel, its gradient and factors of N sqrt(L) numbers."""
    A, B, C = (x.to(torch.complex64) for x in system("lin", N, H=1)[:3])
    A, B, C = (x.expand(H, -1).clone().requires_grad_() for x in (A, B, C))
    W = torch.randn(H, N // 2, dtype=torch.complex64, requires_grad=True)
    log_a = (A[0] / 1000).detach().requires_grad_()
    for kernel, inputs in [
        (lambda: kernels.diagonal(A, B, C, torch.full((H,), 1e-3), L), (A, B, C)),
        (lambda: kernels.dlr(log_a, W, L), (log_a, W)),
    ]:
        largest, calls = Largest(), []
        with monkeypatch.context() as patch:
            for name in ("factored_sums", "factored_moments"):  # a mode does not see into an operator
                inside = getattr(kernels.products, name)
                patch.setattr(kernels.products, name, largest.watch(inside, calls))
            with largest:
                torch.autograd.grad(kernel().sum(), inputs)
        assert {"factored_sums", "factored_moments"} == set(calls)
        assert largest.numel < 2 * H * L + 8 * H * N * math.isqrt(L) < H * N // 2 * L / 4


def test_kernel_stays_in_float32_under_autocast():
    A, B, C, dt = system("lin", dtype=torch.complex64)
    plain = kernels.diagonal(A, B, C, dt, 100)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = kernels.diagonal(A, B, C, dt, 100)
    assert cast.dtype == torch.float32
    assert torch.equal(cast, plain)


DSS = {  # two modes, dt = 0.1, L = 6; exp: the first of them alone
    "softmax": [-0.13794074, -0.1082985401, -0.0805684456, -0.0552052093, -0.0324617983, -0.012400604],
    "exp": [0.0872594196, 0.0612150265, 0.0351820532, 0.01020857, -0.0127997886, -0.033102767],
}
DLR = [1.75, -0.2475124584, -0.2450496683, 2.6687252173, 1.6813815185, -0.2378073561]


@pytest.mark.parametrize("variant", DSS)
def test_dss_matches_golden_numbers(variant):
    A = torch.tensor([-0.5 + 2j, 0.3 + 1j], dtype=torch.complex128)
    W = torch.tensor([[1 + 1j, 0.5 - 1j]], dtype=torch.complex128)
    if variant == "exp":
        A, W = A[:1], W[:, :1]
    dt = torch.tensor([0.1], dtype=torch.float64)
    golden = torch.tensor([DSS[variant]], dtype=torch.float64)
    torch.testing.assert_close(kernels.dss(A, W, dt, 6, variant), golden, rtol=0, atol=1e-9)


def test_dlr_matches_golden_numbers():
    n = torch.arange(4, dtype=torch.float64)
    log_a = torch.complex(torch.full_like(n, -0.01), 2 * math.pi * n / 4)
    W = torch.tensor([[1, 0.5j, -0.25, 1 - 1j]], dtype=torch.complex128)
    golden = torch.tensor([DLR], dtype=torch.float64)
    torch.testing.assert_close(kernels.dlr(log_a, W, 6), golden, rtol=0, atol=1e-9)


@pytest.mark.parametrize(
    ("name", "variant"), [("dss/exp/lin", "exp"), ("dss/softmax/hippo_skew_pos_imag", "softmax")]
)
def test_dss_matches_the_original_implementation(reference, name, variant):
    A, W, dt, K = (reference[f"{name}/{key}"] for key in ("Lambda", "W", "dt", "K"))
    ours = kernels.dss(A, W[0], dt, 777, variant)
    assert float((ours - K[0]).abs().max() / K.abs().max()) < 2e-4


def test_dlr_matches_the_original_implementation(reference):
    log_a, W, K = (reference[f"dlr/real/{key}"] for key in ("Lambda", "W", "K"))
    ours = kernels.dlr(log_a, W[0], 777)
    assert float((ours - K[0]).abs().max() / K.abs().max()) < 2e-4


def dss_system(N=6, H=3, growth=0.0):
    generator = torch.Generator().manual_seed(1)
    A = torch.randn(N, dtype=torch.complex128, generator=generator) * 3
    A = torch.complex(growth - A.real.abs(), A.imag)
    W = torch.randn(H, N, dtype=torch.complex128, generator=generator)
    return A, W, torch.tensor([0.001, 0.01, 0.02], dtype=torch.float64)[:H]


@pytest.mark.parametrize("L", LENGTHS)
@pytest.mark.parametrize(("variant", "growth"), [("exp", 0.0), ("softmax", 0.0), ("softmax", 2.0)])
def test_dss_equals_the_printed_formula(variant, growth, L):
    A, W, dt = dss_system(growth=growth)
    if L == 16384:
        dt = dt / 20  # so that the printed softmax does not overflow
    assert growth == 0 or 0 < int((A.real > 0).sum()) < len(A)
    expected = oracles.dss_kernel(A, W, dt, L, variant)
    K = kernels.dss(A, W, dt, L, variant)
    scale = float(expected.abs().max())
    torch.testing.assert_close(K, expected, rtol=0, atol=1e-9 * scale)
    single = kernels.dss(A.to(torch.complex64), W.to(torch.complex64), dt, L, variant)
    assert single.dtype == torch.float32
    assert float((single - K).abs().max()) < 2e-5 * scale


def test_dss_softmax_survives_modes_that_overflow():
    A, W, _ = dss_system(growth=4.0)
    K = kernels.dss(A, W, torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64), 5000)
    assert bool(torch.isfinite(K).all())
    far = kernels.dss(torch.tensor([30 + 0j]), torch.tensor([[30 + 0j]]), torch.ones(1), 5000)
    torch.testing.assert_close(far[0, -1], torch.tensor(1.0))  # all weight on the far past
    assert float(far[0, :-1].abs().max()) < 1e-6


def test_dss_softmax_is_the_zero_order_hold_with_other_weights():
    A, W, dt = dss_system(H=1)
    w = W / (torch.exp(40 * dt[:, None] * A) - 1)
    one = torch.ones_like(W)
    hold = kernels.diagonal(A[None], one, w, dt, 40) / 2  # S4D counts each mode twice
    torch.testing.assert_close(kernels.dss(A, W, dt, 40, "softmax"), hold)


@pytest.mark.parametrize(("variant", "growth"), [("exp", 0.0), ("softmax", 2.0)])
def test_dss_gradients(variant, growth):
    inputs = [x.requires_grad_() for x in dss_system(N=3, H=2, growth=growth)]
    assert torch.autograd.gradcheck(lambda *x: kernels.dss(*x, 7, variant), inputs)


@pytest.mark.parametrize("L", LENGTHS)
def test_dlr_equals_the_printed_formula(L):
    A, W, _ = dss_system(N=8)
    log_a = torch.complex(A.real / 1000, A.imag)
    expected = (W[..., None] * torch.exp(log_a[:, None] * torch.arange(L))).sum(1).real
    torch.testing.assert_close(kernels.dlr(log_a, W, L), expected, rtol=0, atol=1e-9)
    inputs = [log_a.clone().requires_grad_(), W.clone().requires_grad_()]
    if L < 5:
        assert torch.autograd.gradcheck(lambda *x: kernels.dlr(*x, L), inputs)


def test_as_many_modes_as_samples_make_any_kernel():
    """DLR with N = L undamped modes at the roots of unity is the inverse Fourier transform."""
    L = 50
    target = torch.randn(1, L, dtype=torch.float64)
    log_a = 2j * math.pi * torch.arange(L, dtype=torch.float64) / L
    torch.testing.assert_close(kernels.dlr(log_a, torch.fft.fft(target) / L, L), target)


def test_bad_input_is_named():
    A, B, C, dt = system("lin")
    with pytest.raises(ValueError, match="unknown variant 'max'"):
        kernels.dss(A, C, dt, 4, "max")
    with pytest.raises(ValueError, match="length must be at least 1, got 0"):
        kernels.diagonal(A, B, C, dt, 0)
    with pytest.raises(TypeError, match="length must be an int, got 8.0"):
        kernels.diagonal(A, B, C, dt, 8.0)
    with pytest.raises(ValueError, match="same number of modes N"):
        kernels.vandermonde(A, C[:, :-1], 4)
    with pytest.raises(ValueError, match="at least one step"):
        kernels.vandermonde_transpose(A, torch.ones(3, 0))
    with pytest.raises(ValueError, match="unknown method 'tustin'"):
        kernels.diagonal(A, B, C, dt, 4, "tustin")
