"""The exercises of chapter 14, speed: each answer is checked against the library or the record."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib import check, kernels, records
from ssm_lib.bench import Rates, cost

MACHINE = Rates(float32=200e9, float64=100e9, bytes=30e9)


def floor(answer: Any) -> bool:
    """Floor in ms of S4D's kernel by products, H = 256, N = 64, L = 65536, on 200 GFLOP/s and 30 GB/s."""
    work = cost.products_kernel(256, 64, 65536)
    compute, move = work.float32 / MACHINE.float32, work.bytes / MACHINE.bytes
    return check.value(
        answer,
        work.floor_ms(MACHINE),
        {
            1e3 * move: "that is the time to write the kernel; to compute it takes longer",
            1e3
            * (compute + move): "both can go on at once: take the larger one, not the sum",
            500 * compute: "a product and a sum are two operations",
            compute: "that is in seconds",
        },
        tolerance=0.01,
    )


def table(answer: Any) -> bool:
    """GB of the table of powers of a DSS layer: 256 channels, 64 complex modes, 16,384 steps."""
    size = 256 * 64 * 16384 * 8 / 1e9
    return check.value(
        answer,
        size,
        {
            size
            / 2: "DSS has no conjugate partners: 64 complex modes; and a complex number of "
            "float32 takes 8 bytes",
            size * 1e9: "that is in bytes",
            size * 1e3: "that is in megabytes",
        },
        tolerance=0.01,
    )


def intensity(answer: Any) -> bool:
    """Operations per byte of a convolution of 16,384 steps: 1.25 log2(2 L), whatever B and H."""
    work = cost.convolution(8, 128, 16384)
    right = work.fft / work.bytes
    return check.value(
        answer,
        right,
        {
            4 * right: "a number of float32 takes four bytes",
            right * 14 / 15: "the FFT is of 2 L numbers, so log2 of 32,768",
            2 * right: "5 n log2 n is for complex numbers; real ones take half",
        },
        tolerance=0.01,
    )


def left_to_gain(answer: Any) -> bool:
    """How much faster the recorded S4D layer were if its kernel took no time: layer / (layer - kernel)."""
    times = {
        row["name"]: row["library"]["ms"] for row in records.load("benchmark-cpu")["rows"]
    }
    layer, kernel = times["S4D layer"], times["S4D kernel"]
    return check.value(
        answer,
        layer / (layer - kernel),
        {
            layer
            / kernel: "so much longer is the layer than its kernel; what is left without it?",
            kernel / layer: "that is the kernel's share of the time",
            1
            - kernel
            / layer: "that is the share of the time that is left; how many times faster?",
        },
        tolerance=0.003,
    )


def real_formula(answer: Any) -> bool:
    """The kernel formula Re sum_n w_n exp(log_a_n l) with tables of real numbers only."""
    log_a = torch.tensor([[-0.1 + 1j, -0.02 + 2.5j], [-0.3 + 0j, -0.01 - 3j]])
    w = torch.tensor([[1 - 1j, 0.5j], [2.0, 1 + 1j]])
    if answer is None or answer is ...:
        return check.function(answer, kernels.vandermonde, [(log_a, w, 3)])

    def watched(log_a: Tensor, w: Tensor, length: int) -> Any:
        with _OnlyReal(length):
            return answer(log_a, w, length)

    cases = [(log_a, w, 50), (log_a[:1], 1j * w[:1], 7)]
    return check.function(watched, kernels.vandermonde, cases, 1e-4, "the kernel")


class _OnlyReal(TorchDispatchMode):
    """Raises where a complex tensor with an axis of this length is made."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.length = length

    def __torch_dispatch__(
        self, call: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        out = call(*args, **(kwargs or {}))
        if isinstance(out, Tensor) and out.is_complex() and self.length in out.shape:
            shape = tuple(out.shape)
            raise ValueError(f"{call.name()} made a complex table of shape {shape}")
        return out
