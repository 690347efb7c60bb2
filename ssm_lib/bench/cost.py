"""A model of cost: what each way to a kernel or an output consists of, and how long a machine takes for it.

B sequences of L steps, H channels, N the real state size of a channel (of the layer, for the scan). Counts
are of the leading terms, in float32 unless said; `ssm_lib.bench.count` counts what really runs.
"""

from __future__ import annotations

import math

from ssm_lib import validate
from ssm_lib.bench.measure import Work

REAL, COMPLEX = 4, 8  # bytes


def formula_kernel(H: int, N: int, L: int) -> Work:
    """S4D's kernel as printed: one exponential for each channel, mode and step, in a table of them.

    Equation: eq-cost-formula
    """
    _check(H=H, N=N, L=L)
    terms = H * N / 2 * L
    moved = 2 * COMPLEX * terms + REAL * H * L  # the table is written, and read again
    return Work(float32=8 * terms, exponentials=terms, bytes=moved, calls=4)


def products_kernel(H: int, N: int, L: int) -> Work:
    """S4D's kernel as a matrix product; its few exponentials are those of `split_exponentials`.

    Equation: eq-cost-products
    """
    _check(H=H, N=N, L=L)
    few = H * N / 2 * split_exponentials(L)
    blocks = math.ceil(H * L / 2**18)  # those of `ssm_lib.kernels.products`
    return Work(
        float32=2 * H * N * L,
        exponentials=few,
        bytes=REAL * H * L,
        calls=45 + 45 * blocks,
    )


def split_exponentials(L: int) -> int:
    """Exponentials that a mode takes for powers up to L: tables of eight, one for each digit of l to base 8."""
    _check(L=L)

    def table(count: int) -> int:
        return count if count <= 8 else 8 + table(-(-count // 8))

    b = 1 << math.isqrt(L - 1).bit_length()
    return table(-(-L // b)) + table(b)


def krylov_kernel(H: int, N: int, L: int) -> Work:
    """S4's kernel by powers of a dense matrix: squarings, rows and columns in float64, and one product.

    Equation: eq-cost-krylov
    """
    _check(H=H, N=N, L=L)
    b = 1 << math.isqrt(L - 1).bit_length()
    Q = -(-L // b)
    squarings = b.bit_length() - 1 + (min(Q, 16) - 1).bit_length()
    powers = 2 * N**3 * squarings + 2 * N**2 * (b + Q)
    return Work(
        float32=2 * H * N * L,
        float64=H * powers,
        bytes=REAL * H * L + 2 * REAL * H * N**2,
        calls=60
        * math.ceil(H * N**2 / 2**17),  # those blocks of `ssm_lib.kernels.matrices`
    )


def cauchy_kernel(H: int, N: int, L: int) -> Work:
    """S4's kernel as printed, for rank 1: a table of L N fractions a channel, and four sums over it.

    Equation: eq-cost-cauchy (Gu et al. 2022, S4, Algorithm 1)
    """
    _check(H=H, N=N, L=L)
    terms = H * N * L
    return Work(
        float32=(10 + 4 * 8) * terms,  # a complex division, and four products and sums
        fft=H * _real_fft(2 * L),  # a complex one of L
        bytes=(1 + 4) * COMPLEX * terms + REAL * H * L,  # written once, read by each sum
        passes=(5 + 4 * 3)
        * COMPLEX
        * terms,  # with the differences, and a table for each sum
        calls=120,
    )


def convolution(B: int, H: int, L: int) -> Work:
    """B H sequences with H kernels: real FFTs of length 2 L, one forth and back for each, one of the kernel.

    Equation: eq-cost-convolution
    """
    _check(B=B, H=H, L=L)
    moved = REAL * (2 * B * H * L + H * L)
    return Work(fft=(2 * B * H + H) * _real_fft(2 * L), bytes=moved, calls=20)


def recurrence(B: int, H: int, N: int, L: int) -> Work:
    """H systems of N/2 complex modes, one step after the other: 14 operations a mode, five calls a step.

    Each call goes over the states, 68 bytes a mode in all; only inputs and outputs must be moved.

    Equation: eq-cost-recurrence
    """
    _check(B=B, H=H, N=N, L=L)
    terms = B * H * N / 2 * L
    moved = 2 * REAL * B * H * L
    return Work(float32=14 * terms, bytes=moved, passes=68 * terms, calls=5 * L)


def scan(B: int, N: int, L: int) -> Work:
    """The states of N/2 complex modes: a product and a sum for each; b is read, x is written.

    That is all a loop does; the scan in blocks goes over them twice, 70 bytes for each.

    Equation: eq-cost-scan
    """
    _check(B=B, N=N, L=L)
    terms = B * L * N / 2
    return Work(
        float32=8 * terms, bytes=2 * COMPLEX * terms, passes=70 * terms, calls=scan_calls(L)
    )


def scan_calls(L: int, block: int = 8) -> int:
    """Operators one after the other in `ssm_lib.scan`: about two for each step of a block, on each level."""
    _check(L=L)
    levels, calls = L, 0
    while levels >= 2 * block:
        calls += 2 * block - 1 + levels % block
        levels //= block
    return calls + levels - 1


def scan_launches(L: int, chunk: int = 512) -> int:
    """Launches of `ssm_lib.scan_triton`: ends of chunks, a scan of the ends, all states."""
    _check(L=L, chunk=chunk)
    return 1 if chunk >= L else 2 + scan_launches(-(-L // chunk), chunk)


def s5_layer(B: int, H: int, N: int, L: int) -> Work:
    """S5 with N/2 complex states: in by a dense matrix, a scan, out by another.

    Equation: eq-cost-scan
    """
    around = B * L * (16 * H + 8 * N)  # through operators before and after it
    dense = Work(4 * B * L * H * N, 0, REAL * B * L * 2 * (H + N), passes=around, calls=110)
    return dense + scan(B, N, L)


def s4d_layer(B: int, H: int, N: int, L: int) -> Work:
    """S4D: its kernel by products, and a convolution."""
    return products_kernel(H, N, L) + convolution(B, H, L) + Work(calls=30)


def _real_fft(n: int) -> float:
    """Operations of an FFT of n real numbers."""
    return 2.5 * n * math.log2(n)


def _check(**sizes: int) -> None:
    for name, size in sizes.items():
        validate.positive_int(name, size)
