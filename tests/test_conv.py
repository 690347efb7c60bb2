"""FFT convolution against the sum as written: any length, no leak from the future, in blocks of any size."""

import subprocess
import sys

import pytest
import torch
from torch.autograd import gradcheck, gradgradcheck

from ssm_lib import conv, oracles
from ssm_lib.conv import blocks, functions


@pytest.fixture(params=["line", "operator"])
def both_ways(request, monkeypatch):
    """What is small, once in one line, as it is, and once by the operators that long sequences take."""
    if request.param == "operator":
        monkeypatch.setattr(functions, "SMALL", 0)


@pytest.fixture
def tiny_blocks(monkeypatch):
    """As if the cache held a few samples: every sequence is a block of its own."""
    monkeypatch.setattr(functions, "SMALL", 0)
    monkeypatch.setattr(blocks, "block_bytes", lambda device: 1)


def line(u, k):
    """The textbook line."""
    n = u.shape[-1] + k.shape[-1]
    return torch.fft.irfft(torch.fft.rfft(u, n=n) * torch.fft.rfft(k, n=n), n=n)[..., : u.shape[-1]]


def signals(L, M=None, dtype=torch.float64):
    generator = torch.Generator().manual_seed(L)
    u = torch.randn(2, 3, L, dtype=torch.float64, generator=generator).to(dtype)
    return u, torch.randn(3, M or L, dtype=torch.float64, generator=generator).to(dtype)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("L", [1, 2, 3, 64, 777, 16384])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-13), (torch.float32, 1e-6)])
def test_causal_equals_the_sum(L, dtype, tolerance):
    u, k = signals(L, dtype=dtype)
    y = conv.causal(u, k)
    assert y.dtype == dtype
    expected = oracles.convolution(u[1, 2].double(), k[2].double())
    assert float((y[1, 2] - expected).abs().max()) < tolerance * float(expected.abs().max())


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("M", [1, 5, 200])
def test_kernel_of_another_length(M):
    u, k = signals(50, M)
    padded = torch.nn.functional.pad(k, (0, 50))[:, :50]
    torch.testing.assert_close(conv.causal(u, k), line(u, padded))


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("L", [1, 2, 3, 777])
def test_bidirectional_equals_the_two_sums(L):
    u, k = signals(L)
    backward = signals(L + 1)[1][:, :L]
    y = conv.bidirectional(u, k, backward)
    expected = torch.zeros_like(y)
    for j in range(L):
        expected[..., j:] += k[:, j, None] * u[..., : L - j]
        expected[..., : L - 1 - j] += backward[:, j, None] * u[..., 1 + j :]
    torch.testing.assert_close(y, expected, rtol=0, atol=1e-11)


def test_nothing_wraps_around():
    u = torch.zeros(1, 1000, dtype=torch.float64)
    u[0, -1] = 1e6
    y = conv.causal(u, torch.ones(1, 1000, dtype=torch.float64))
    assert float(y[0, :-1].abs().max()) < 1e-8


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize(("M", "shorter"), [(1, 1), (4, 9), (20, 3)])
def test_both_directions_take_kernels_of_any_length(M, shorter):
    u, k = signals(9, M)
    _, k2 = signals(9, shorter)
    full = [torch.nn.functional.pad(x, (0, 20))[:, :9] for x in (k, k2)]
    torch.testing.assert_close(conv.bidirectional(u, k, k2), conv.bidirectional(u, *full))
    future = line(u.flip(-1), torch.nn.functional.pad(full[1], (1, 0))).flip(-1)
    torch.testing.assert_close(conv.bidirectional(u, k, k2), line(u, full[0]) + future)


@pytest.mark.parametrize("size", [1, 2500, 7000])  # a row takes 1024 bytes
@pytest.mark.parametrize("batch", [1, 5])
def test_blocks_of_any_size_give_the_same(monkeypatch, size, batch):
    """One sequence, a part of the channels, or some of the batch at once, with a rest at the end."""
    torch.manual_seed(0)
    u, k = torch.randn(batch, 3, 16, dtype=torch.float64), torch.randn(3, 16, dtype=torch.float64)
    du = torch.randn_like(u)
    expected = torch.autograd.functional.vjp(line, (u, k), du)
    monkeypatch.setattr(functions, "SMALL", 0)
    monkeypatch.setattr(blocks, "block_bytes", lambda device: size)
    torch.testing.assert_close(torch.autograd.functional.vjp(conv.causal, (u, k), du), expected)


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize(
    ("u", "k"),
    [((7,), (7,)), ((7,), (3, 7)), ((2, 3, 7), (7,)), ((2, 3, 7), (1, 7)), ((2, 3, 7), (3, 5)),
     ((2, 3, 7), (2, 1, 7)), ((2, 1, 7), (3, 7)), ((2, 3, 7), (2, 3, 7)), ((4, 2, 3, 7), (2, 3, 7)),
     ((3, 7), (2, 1, 9)), ((4, 2, 3, 7), (4, 1, 1, 7)), ((0, 3, 7), (3, 7)), ((2, 0, 7), (1, 7))],
)  # fmt: skip
def test_leading_dimensions_broadcast(u, k):
    torch.manual_seed(0)
    inputs = [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in (u, k)]
    y = conv.causal(*inputs)
    L = min(u[-1], k[-1])
    expected = sum(
        torch.nn.functional.pad(inputs[0] * inputs[1][..., j, None], (j, 0))[..., : u[-1]] for j in range(L)
    )
    torch.testing.assert_close(y, expected)
    weights = torch.randn_like(y)
    ours, theirs = (torch.autograd.grad((x * weights).sum(), inputs) for x in (y, expected))
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.usefixtures("both_ways")
def test_inputs_of_any_memory_layout():
    u, k = signals(50)
    expected = line(u, k)
    views = [u.mT.contiguous().mT, u.flip(-1).flip(-1), torch.stack([u, u], -1)[..., 0]]
    views += [u.transpose(0, 1).contiguous().transpose(0, 1)]
    for view in views:
        y = conv.causal(view, k.mT.contiguous().mT)
        torch.testing.assert_close(y, expected)
        assert y.stride(-1) == torch.empty_like(view).stride(-1)  # what is added to u lies as u does
    torch.testing.assert_close(conv.causal(u[:, :1].expand_as(u), k), line(u[:, :1], k))
    torch.testing.assert_close(conv.causal(views[2][0, 0], k[0]), expected[0, 0])


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("M", [1, 4, 9, 14])
def test_gradients_and_their_gradients(M):
    inputs = [x.requires_grad_() for x in (*signals(9, M), signals(5, M)[1])]
    assert gradcheck(conv.causal, inputs[:2])
    assert gradgradcheck(conv.causal, inputs[:2])
    assert gradcheck(conv.bidirectional, inputs)
    assert gradgradcheck(conv.bidirectional, inputs)
    tail = torch.randn(2, 3, M - 1, dtype=torch.float64, requires_grad=True)
    assert gradcheck(conv.stream, [*inputs[:2], tail])


def test_gradients_of_blocks(tiny_blocks):
    inputs = [x.requires_grad_() for x in signals(9)]
    assert gradcheck(conv.causal, inputs)
    assert gradgradcheck(conv.causal, inputs)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_of_long_sequences(dtype):
    u, k = signals(16384, dtype=dtype)
    dy = torch.randn_like(u)
    _, ours = torch.autograd.functional.vjp(conv.causal, (u, k), dy)
    _, exact = torch.autograd.functional.vjp(line, (u.double(), k.double()), dy.double())
    for a, b in zip(ours, exact, strict=True):
        tolerance = 1e-6 if dtype == torch.float32 else 1e-13
        assert a.dtype == dtype
        assert float((a - b).abs().max()) < tolerance * float(b.abs().max())


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("M", [1, 2, 30, 300])
def test_a_stream_of_chunks_equals_the_whole(M):
    torch.manual_seed(M)
    u, k = signals(200, M)
    for _ in range(10):
        cuts = torch.randint(1, 60, (200,)).cumsum(0)
        chunks = torch.tensor_split(u, cuts[cuts < 200], dim=-1)
        out, tail = [], None
        for chunk in chunks:
            y, tail = conv.stream(chunk, k, tail)
            out.append(y)
            assert tail.shape == (2, 3, M - 1)
        torch.testing.assert_close(torch.cat(out, -1), line(u, k))


@pytest.mark.parametrize(
    ("tail", "error", "message"),
    [
        (torch.ones(2, 3), ValueError, r"tail must have shape \(2, 4\), .* got \(2, 3\)"),
        (torch.ones(2, 4).double(), TypeError, "tail must be .* got torch.float64"),
        ([0.0], TypeError, "got list"),
    ],
)
def test_a_bad_tail_is_named(tail, error, message):
    with pytest.raises(error, match=message):
        conv.stream(torch.ones(2, 7), torch.ones(5), tail)


def test_the_operators_keep_their_promises():
    """No aliasing, a shape function that is right, a registered gradient: as torch.compile needs them."""
    u, k = (x.requires_grad_() for x in signals(9))
    strided = u.detach().mT.contiguous().mT.requires_grad_()
    for x in (u, strided):
        torch.library.opcheck(blocks._operator, (x, k, 9))
        torch.library.opcheck(blocks._operator_of_gradients, (x, k, torch.ones_like(x), 9))


@pytest.mark.usefixtures("both_ways")
@pytest.mark.skipif(not hasattr(torch.library, "register_vmap"), reason="needs PyTorch 2.5")
def test_maps_and_jacobians():
    u, k = signals(9)
    both = torch.vmap(conv.causal)(u, k.expand(2, 3, 9) * torch.tensor([1, 2])[:, None, None])
    torch.testing.assert_close(both[1], conv.causal(u[1], 2 * k))
    mapped = torch.vmap(conv.causal, in_dims=(None, 1), out_dims=1)(u, k[:, None].expand(3, 4, 9))
    torch.testing.assert_close(mapped[:, 3], conv.causal(u, k))
    for argnum in (0, 1):
        ours, theirs = (torch.func.jacrev(f, argnum)(u, k) for f in (conv.causal, line))
        torch.testing.assert_close(ours, theirs)


MEMORY = """
import resource, sys, torch
from ssm_lib import conv
u, k = torch.randn(4, 64, 16384, requires_grad=True), torch.randn(64, 16384, requires_grad=True)
conv.causal(u[:1, :1], k[:1]).sum().backward()
u.grad = k.grad = None
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1 if sys.platform == "darwin" else 1024)
before = peak()
y = conv.causal(u, k)
y.backward(u.detach())
print(peak() - before)
"""


def test_a_gradient_stores_no_spectra():
    """Beyond y and the gradients (132 MiB) only blocks: the line needs 3 GiB here."""
    out = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    assert float(out.stdout) < 132 + 100


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_computed_in_float32(dtype):
    u, k = signals(64, dtype=dtype)
    y = conv.causal(u, k)
    assert y.dtype == dtype
    torch.testing.assert_close(y, conv.causal(u.float(), k.float()).to(dtype))


@pytest.mark.parametrize("n", [1, 2, 7, 11, 1023, 1537, 32767])
def test_fast_length_is_the_next_with_small_factors(n):
    def smooth(m):
        for p in (2, 3, 5):
            while m % p == 0:
                m //= p
        return m == 1

    assert conv.fast_length(n) == next(m for m in range(n, 2 * n + 1) if smooth(m))


@pytest.mark.parametrize(
    ("u", "k", "error", "message"),
    [
        (torch.ones(3, dtype=torch.int64), torch.ones(3), TypeError, "u must be a real .* torch.int64"),
        (torch.ones(3), torch.ones(3, dtype=torch.complex64), TypeError, "k must be a real"),
        ([1.0], torch.ones(3), TypeError, "u must be a real .* got list"),
        (torch.ones(2, 0), torch.ones(3), ValueError, r"u must have shape .* \(2, 0\)"),
        (torch.ones(2, 4), torch.ones(3, 4), ValueError, "do not broadcast"),
    ],
)
def test_bad_input_is_named(u, k, error, message):
    with pytest.raises(error, match=message):
        conv.causal(u, k)


def test_what_is_large_or_long_goes_through_the_operators(monkeypatch):
    """One line would keep its spectra, and the real FFT of a long period is slow."""
    taken = []
    monkeypatch.setattr(functions, "_line", lambda u, k, period: taken.append(period) or u)
    conv.causal(torch.ones(9), torch.ones(9))
    assert taken == [18]
    conv.causal(torch.ones(300, 1000), torch.ones(1000))
    conv.causal(torch.ones(40_000), torch.ones(40_000))
    assert taken == [18]
