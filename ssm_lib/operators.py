"""Operators of PyTorch: functions that `torch.compile` leaves whole, with a shape and a gradient of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

IMPLEMENTATIONS: dict[str, Callable] = {}  # what each operator computes, for who counts it


def operator(name: str, schema: str) -> Callable[[Callable], Any]:
    """Make the decorated function the operator ``ssm_lib::NAME``, for tensors on every device.

    `torch.library.custom_op` does the same, but its first call imports the compiler: more than a second,
    for a kernel that takes a millisecond.

    Parameters
    ----------
    name
        Of the operator, also for `torch.library.register_fake` and the like.
    schema
        Its arguments and results, as in ``"(Tensor a, int length) -> Tensor"``.

    Returns
    -------
    A decorator that returns the operator, to be called in place of the function.
    """
    qualified = f"ssm_lib::{name}"
    torch.library.define(qualified, schema)

    def decorate(function: Callable) -> Any:
        torch.library.impl(qualified, "CompositeExplicitAutograd", function)
        IMPLEMENTATIONS[qualified] = function
        return getattr(torch.ops.ssm_lib, name).default

    return decorate
