"""The linear scan on a GPU, as one Triton kernel; `ssm_lib.scan.linear` chooses it by itself.

As in `ssm_lib.scan`, a sequence is cut into chunks. A first launch runs every chunk from zero and keeps
only where it ends, the ends are a shorter scan, and a second launch runs every chunk from its true start
and writes the states. Within a chunk a program goes through the steps in tiles: a parallel scan of a tile
in registers, whose last row is carried into the next one. So b is read twice and x written once, nothing
waits for the host, and there are enough chunks to fill a GPU.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

STEPS, STATES = 128, 8  # a tile
CHUNK = 4 * STEPS  # steps of one program


@triton.jit
def _real(a1, b1, a2, b2):  # type: ignore[no-untyped-def]
    """x -> a1 x + b1, then x -> a2 x + b2."""
    return a2 * a1, a2 * b1 + b2


@triton.jit
def _complex(ar1, ai1, br1, bi1, ar2, ai2, br2, bi2):  # type: ignore[no-untyped-def]
    """The same for pairs (real, imaginary)."""
    return (
        ar2 * ar1 - ai2 * ai1,
        ar2 * ai1 + ai2 * ar1,
        ar2 * br1 - ai2 * bi1 + br2,
        ar2 * bi1 + ai2 * br1 + bi2,
    )


@triton.jit
def _run(  # type: ignore[no-untyped-def]
    a, b, start, x, product, L, N, chunk, chunks,
    PER_STEP: tl.constexpr, COMPLEX: tl.constexpr, REVERSE: tl.constexpr, FILL: tl.constexpr,
    STEPS: tl.constexpr, STATES: tl.constexpr,
):  # fmt: skip
    """One chunk of one sequence, for STATES states.

    FILL: from start (B, chunks, N) on, all states into x (B, L, N). Otherwise: from zero on, the last
    state into x and, if a has one per step, the product of the multipliers into product (B, chunks, N).
    """
    row = tl.program_id(0).to(tl.int64)  # batch * chunks + chunk
    batch, first = row // chunks, (row % chunks) * chunk
    t = tl.arange(0, STEPS)[:, None]
    n = tl.program_id(1) * STATES + tl.arange(0, STATES)
    pair: tl.constexpr = 2 if COMPLEX else 1
    out = (row * N + n) * pair  # in (B, chunks, N)
    wide = a.dtype.element_ty  # of everything in registers: only what is stored is rounded
    xr = tl.zeros([STATES], dtype=wide)
    xi = tl.zeros([STATES], dtype=wide)
    pr = tl.full([STATES], 1, dtype=wide)
    pi = tl.zeros([STATES], dtype=wide)
    if FILL:
        xr += tl.load(start + out, mask=n < N, other=0)
        if COMPLEX:
            xi += tl.load(start + out + 1, mask=n < N, other=0)
    for tile in range(0, chunk, STEPS):
        step = first + tile + t  # in the order in which they are run
        inside = (step < L) & (n < N)[None, :]
        l = L - 1 - step if REVERSE else step
        at = ((batch * L + l) * N + n[None, :]) * pair
        a_at = at if PER_STEP else n[None, :] * pair + 0 * at
        last = t == STEPS - 1
        ar = tl.load(a + a_at, mask=inside, other=0)
        br = tl.load(b + at, mask=inside, other=0).to(wide)
        if COMPLEX:
            ai = tl.load(a + a_at + 1, mask=inside, other=0)
            bi = tl.load(b + at + 1, mask=inside, other=0).to(wide)
            br += tl.where(t == 0, ar * xr[None, :] - ai * xi[None, :], 0)
            bi += tl.where(t == 0, ar * xi[None, :] + ai * xr[None, :], 0)
            ar, ai, br, bi = tl.associative_scan((ar, ai, br, bi), 0, _complex)
            xi = tl.sum(tl.where(last, bi, 0), 0)
            if FILL:
                tl.store(x + at + 1, bi, mask=inside)
            elif PER_STEP:
                qr, qi = tl.sum(tl.where(last, ar, 0), 0), tl.sum(tl.where(last, ai, 0), 0)
                pr, pi = qr * pr - qi * pi, qr * pi + qi * pr
        else:
            br += tl.where(t == 0, ar * xr[None, :], 0)
            ar, br = tl.associative_scan((ar, br), 0, _real)
            if PER_STEP and not FILL:
                pr = tl.sum(tl.where(last, ar, 0), 0) * pr
        xr = tl.sum(tl.where(last, br, 0), 0)
        if FILL:
            tl.store(x + at, br, mask=inside)
    if not FILL:
        tl.store(x + out, xr, mask=n < N)
        if COMPLEX:
            tl.store(x + out + 1, xi, mask=n < N)
        if PER_STEP:
            tl.store(product + out, pr, mask=n < N)
            if COMPLEX:
                tl.store(product + out + 1, pi, mask=n < N)


def states(a: Tensor, b: Tensor, x0: Tensor | None, reverse: bool) -> Tensor:
    """All states of x_l = a_l x_{l-1} + b_l, by the kernel.

    Parameters
    ----------
    a : Tensor (N,) or (B, L, N), complex if b is, of at least its precision.
    b : Tensor (B, L, N), of 32 or 64 bits (twice that if complex).
    x0 : Tensor (B, N) or None, in the dtype of b.
    reverse
        As in `ssm_lib.scan.linear`.

    Returns
    -------
    x : Tensor (B, L, N), in the dtype of b.

    Source: Smith et al. 2023, S5.
    """
    B, L, N = b.shape
    x = torch.empty_like(b, memory_format=torch.contiguous_format)
    if b.numel() == 0:
        return x
    start = torch.zeros_like(b[:, :1]) if x0 is None else x0[:, None]
    chunks = triton.cdiv(L, CHUNK)
    if chunks > 1:
        end, product = a.new_empty(B, chunks, N), a.new_empty(B, chunks, N)
        _launch(a, b, start, end, product, reverse, fill=False)
        if a.ndim == 1:
            product = (
                a.to(torch.promote_types(a.dtype, torch.float64)).pow(CHUNK).to(a.dtype)
            )
        end = states(product, end, start[:, 0].to(a.dtype), False)
        start = torch.cat([start.to(a.dtype), end[:, :-1]], 1)
    _launch(a, b, start, x, x, reverse, fill=True)
    return x


def _launch(
    a: Tensor,
    b: Tensor,
    start: Tensor,
    x: Tensor,
    product: Tensor,
    reverse: bool,
    fill: bool,
) -> None:
    B, L, N = b.shape
    chunks = triton.cdiv(L, CHUNK)
    inputs = [z.resolve_conj().contiguous() for z in (a, b, start)]
    pairs = [torch.view_as_real(z) if z.is_complex() else z for z in (*inputs, x, product)]
    _run[(B * chunks, triton.cdiv(N, STATES))](
        *pairs, L, N, CHUNK, chunks,
        PER_STEP=a.ndim == 3, COMPLEX=b.is_complex(), REVERSE=reverse, FILL=fill,
        STEPS=STEPS, STATES=STATES,
    )  # fmt: skip
