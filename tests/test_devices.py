"""Every function on tensors follows its inputs to their device: kernels, scans, convolutions, discretization."""

import contextlib

import pytest
import torch
from conftest import NO_GPU

from ssm_lib import conv, discretize, kernels, scan

c128, f64 = torch.complex128, torch.float64


def random(*shape, dtype=f64):
    return torch.randn(*shape, dtype=dtype)


def left(*shape):
    """Eigenvalues in the left half-plane."""
    return torch.complex(-torch.rand(*shape, dtype=f64) - 0.1, 3 * random(*shape))


H, N, L = 3, 4, 37
CALLS = {
    "vandermonde": lambda A, w: kernels.vandermonde(0.1 * A, w, L),
    "vandermonde_transpose": lambda A, u: kernels.vandermonde_transpose(0.1 * A, u),
    # What is inside an operator: on a meta tensor torch asks only its declaration.
    "factored sums": lambda A, w: kernels.products.factored_sums(0.1 * A, w, L),
    "factored moments": lambda A, u: kernels.products.factored_moments(0.1 * A, u, 2),
    "diagonal": lambda A, B, C, dt: kernels.diagonal(A, B, C, dt, L),
    "dss exp": lambda A, W, dt: kernels.dss(A, W, dt, L, "exp"),
    "dss softmax": lambda A, W, dt: kernels.dss(A, W, dt, L, "softmax"),
    "dlr": lambda A, W: kernels.dlr(0.1 * A, W, L),
    "krylov": lambda A, B, C: kernels.krylov(A, B, C, L),
    "dplr krylov": lambda A, P, B, C, dt: kernels.dplr(A, P, B, C, dt, L),
    "dplr cauchy": lambda A, P, B, C, dt: kernels.dplr(A, P, B, C, dt, L, algorithm="cauchy"),
    "causal": conv.causal,
    "bidirectional": conv.bidirectional,
    "stream": lambda u, k: conv.stream(u, k)[0],
    "scan": scan.linear,
    "scan with a start": scan.linear,
    "scan per step": lambda a, b: scan.linear(a, b, reverse=True),
    **{
        f"discretize {method}": lambda A, B, dt, m=method: torch.stack(discretize.diagonal(A, B, dt, m))
        for method in ("zoh", "bilinear", "euler", "backward_euler")
    },
    "discretize dense": lambda A, B, dt: discretize.dense(A, B, dt, "zoh")[1],
}


def inputs(name):
    """The arguments of a call, on the CPU in double precision."""
    torch.manual_seed(0)
    A, dt, W = left(H, N), torch.rand(H, dtype=f64) / 10 + 0.01, random(H, N, dtype=c128)
    dense, u = random(H, N, N) / N, random(2, H, L)
    P = random(1, H, N, dtype=c128)
    given = {
        "vandermonde": (A, W),
        "vandermonde_transpose": (A, u),
        "factored sums": (A, random(H, 2, N, dtype=c128)),
        "factored moments": (A, random(H, 2, L)),
        "diagonal": (A, W, W, dt),
        "dss exp": (A[0], W, dt),
        "dss softmax": (A[0], W, dt),
        "dlr": (A[0], W),
        "krylov": (dense, random(H, N), random(H, N)),
        "dplr krylov": (A, P, W, W, dt),
        "dplr cauchy": (A, P, W, W, dt),
        "causal": (u, random(H, L)),
        "bidirectional": (u, random(H, L), random(H, L)),
        "stream": (u, random(H, 9)),
        "scan": (torch.exp(A[0]), random(2, L, N, dtype=c128)),
        "scan with a start": (torch.exp(A[0]), random(2, L, N, dtype=c128), random(2, N, dtype=c128)),
        "scan per step": (torch.rand(2, L, N, dtype=f64), random(2, L, N)),
        "discretize dense": (dense, random(H, N), dt),
    }
    return given.get(name, (A, W, dt))


def run(name, device, dtype):
    """The result and the gradient of its sum of squares, with inputs moved to a device and a dtype."""
    narrow = {f64: dtype, c128: torch.complex64 if dtype == torch.float32 else c128}
    moved = [x.to(device, narrow[x.dtype]).requires_grad_() for x in inputs(name)]
    y = CALLS[name](*moved)
    return [y, *torch.autograd.grad(y.abs().square().sum(), moved)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 2e-5), (f64, 1e-10)])
def test_a_gpu_gives_the_numbers_of_the_cpu(name, dtype, tolerance):
    for ours, expected in zip(run(name, "cuda", dtype), run(name, "cpu", dtype), strict=True):
        assert ours.device.type == "cuda"
        assert (ours.cpu() - expected).abs().max() < tolerance * expected.abs().max()


@pytest.mark.parametrize("name", CALLS)
def test_no_function_leaves_the_device_or_looks_at_a_value(name, monkeypatch):
    """A meta tensor has a device of its own and no values."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: contextlib.nullcontext())  # knows no meta device
    for ours, expected in zip(run(name, "meta", f64), run(name, "cpu", f64), strict=True):
        assert ours.device.type == "meta"
        assert ours.shape == expected.shape
        assert ours.dtype == expected.dtype


@pytest.mark.parametrize("name", ["scan", "scan with a start", "scan per step"])
def test_the_blocks_of_a_scan_stay_on_the_device(name):
    """They write into memory of their own, which autograd does not follow."""
    a, b, *x0 = (x.to("meta") for x in inputs(name))
    assert scan.states(a, b, x0[0] if x0 else None, "step" in name).device.type == "meta"
