"""The Triton kernel of the scan: on a GPU where there is one, else in Triton's interpreter, in small tiles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ssm_lib import S5, scan

scan_triton = pytest.importorskip(
    "ssm_lib.scan_triton", reason="triton is not installed (it is for Linux only)"
)
CUDA = torch.cuda.is_available()  # else conftest.py has set Triton to interpret
on_gpu = pytest.mark.skipif(not CUDA, reason="no GPU that CUDA finds")
DTYPES = [torch.float32, torch.float64, torch.complex64, torch.complex128]


@pytest.fixture
def _small(monkeypatch):
    """Tiles that a few steps fill, so that the interpreter goes through every branch."""
    if not CUDA:
        for name, value in {"STEPS": 4, "STATES": 2, "CHUNK": 8}.items():
            monkeypatch.setattr(scan_triton, name, value)


def inputs(L, per_step, dtype, wide=False, B=2, N=3):
    generator = torch.Generator().manual_seed(L)
    shape = (B, L, N) if per_step else (N,)
    a = torch.rand(shape, dtype=torch.float64, generator=generator) ** 0.1
    a = torch.polar(a, 6 * a) if dtype.is_complex else a
    b = torch.randn(B, L, N, dtype=torch.complex128, generator=generator)
    x0 = torch.randn(B, N, dtype=torch.complex128, generator=generator)
    b, x0 = ((x if dtype.is_complex else x.real).to(dtype) for x in (b, x0))
    return [x.to("cuda" if CUDA else "cpu") for x in (a if wide else a.to(dtype), b, x0)]


def gap(x, y):
    return float((x - y).abs().max() / y.abs().max())


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("L", [1, 4, 7, 19, *([1024, 5000] if CUDA else [])])
@pytest.mark.parametrize("per_step", [True, False])
@pytest.mark.parametrize("reverse", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_the_scan_in_torch(L, per_step, reverse, dtype):
    """At 19 steps the ends of the chunks need a scan of more than one tile."""
    a, b, x0 = inputs(L, per_step, dtype)
    tolerance = 1e-5 if dtype in (torch.float32, torch.complex64) else 1e-12
    for start in (x0, None):
        expected = scan.states(a, b, start, reverse)
        found = scan_triton.states(a, b, start, reverse)
        assert found.dtype == dtype
        assert gap(found, expected) < tolerance


@pytest.mark.usefixtures("_small")
@pytest.mark.parametrize("per_step", [True, False])
def test_a_wide_multiplier_keeps_narrow_states_exact(per_step):
    L = 16384 if CUDA else 60
    a, b, x0 = inputs(L, per_step, torch.complex64, wide=True)
    exact = scan.states(a, b.to(a.dtype), x0.to(a.dtype), False)
    found = scan_triton.states(a, b, x0, False)
    assert found.dtype == torch.complex64
    assert gap(found, exact) < 3e-7


@pytest.mark.usefixtures("_small")
def test_views_conjugates_and_empty_batches():
    a, b, x0 = inputs(9, True, torch.complex128)
    expected = scan_triton.states(a, b, x0, False)
    for views in ([x.mT.contiguous().mT for x in (a, b, x0)], [x.conj_physical().conj() for x in (a, b, x0)]):
        assert gap(scan_triton.states(*views, False), expected) < 1e-12
    assert scan_triton.states(a[:0], b[:0], x0[:0], False).shape == (0, 9, 3)


@pytest.mark.usefixtures("_small")
def test_future_inputs_leave_the_past_bit_equal():
    a, b, _ = inputs(19, False, torch.complex64)
    changed = b.clone()
    changed[:, 13:] += 1e3
    x, y = (scan_triton.states(a, z, None, False) for z in (b, changed))
    assert torch.equal(x[:, :13], y[:, :13])
    assert not torch.equal(x[:, 13:], y[:, 13:])


COMPILE = """
import itertools, triton
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource
from ssm_lib import scan_triton as module
flags = ("PER_STEP", "COMPLEX", "REVERSE", "FILL")
for values in itertools.product((False, True), repeat=4):
    for wide, narrow in (("fp32", "fp32"), ("fp64", "fp32"), ("fp64", "fp64")):
        constants = dict(zip(flags, values), STEPS=module.STEPS, STATES=module.STATES)
        out = narrow if constants["FILL"] else wide
        types = dict(a=wide, b=narrow, start=wide, x=out, product=out)
        signature = {k: f"*{v}" for k, v in types.items()} | dict.fromkeys(("L", "N", "chunk", "chunks"), "i32")
        signature |= dict.fromkeys(constants, "constexpr")
        source = ASTSource(fn=module._run, signature=signature, constexprs=constants)
        assert "scan" in triton.compile(source, target=GPUTarget("cuda", 80, 32)).asm["ttir"]
"""


@pytest.mark.slow
def test_every_variant_compiles_for_a_gpu(tmp_path):
    """The interpreter accepts what the compiler does not: this needs no GPU either."""
    environment = {k: v for k, v in os.environ.items() if k != "TRITON_INTERPRET"}
    environment |= {"TRITON_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", COMPILE],
        env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]


@on_gpu
@pytest.mark.parametrize("per_step", [True, False])
def test_gradients_on_a_gpu(per_step):
    tensors = [x.requires_grad_() for x in inputs(6, per_step, torch.complex128)]
    assert torch.autograd.gradcheck(scan.linear, tensors)
    assert torch.autograd.gradgradcheck(scan.linear, tensors)


@on_gpu
def test_the_layer_takes_the_kernel_and_waits_for_nothing(monkeypatch):
    calls = []
    original = scan_triton.states
    monkeypatch.setattr(scan_triton, "states", lambda *x: calls.append(x) or original(*x))
    layer = S5(3, 8).double()
    u = torch.randn(2, 3000, 3, dtype=torch.float64)
    expected = layer(u)
    layer.cuda()
    layer(u.cuda())  # compiles
    u = u.cuda()
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = scan.linear(*inputs(3000, False, torch.complex64)[:2])
    finally:
        torch.cuda.set_sync_debug_mode("default")
    assert found.shape == (2, 3000, 3)
    assert gap(layer(u).cpu(), expected) < 1e-10
    assert len(calls) >= 3
