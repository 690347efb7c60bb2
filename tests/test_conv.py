"""FFT convolution against the sum as written: any length, no leak from the future."""

import pytest
import torch

from ssm_lib import conv, oracles


def signals(L, M=None, dtype=torch.float64):
    generator = torch.Generator().manual_seed(L)
    u = torch.randn(2, 3, L, dtype=torch.float64, generator=generator).to(dtype)
    return u, torch.randn(3, M or L, dtype=torch.float64, generator=generator).to(dtype)


@pytest.mark.parametrize("L", [1, 2, 3, 64, 777])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-6)])
def test_causal_equals_the_sum(L, dtype, tolerance):
    u, k = signals(L, dtype=dtype)
    y = conv.causal(u, k)
    assert y.dtype == dtype
    expected = oracles.convolution(u[1, 2].double(), k[2].double())
    assert float((y[1, 2] - expected).abs().max()) < tolerance * float(expected.abs().max())


@pytest.mark.parametrize("M", [1, 5, 200])
def test_kernel_of_another_length(M):
    u, k = signals(50, M)
    padded = torch.nn.functional.pad(k, (0, 50))[:, :50]
    torch.testing.assert_close(conv.causal(u, k), conv.causal(u, padded))


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


def test_gradients():
    u, k = signals(9)
    inputs = [x.requires_grad_() for x in (u, k, signals(9)[1])]
    assert torch.autograd.gradcheck(conv.bidirectional, inputs)


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
