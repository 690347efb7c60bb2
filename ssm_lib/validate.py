"""Checks of arguments: each names what came, what was expected and what to do."""

from __future__ import annotations

import inspect
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

REAL_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def positive_int(name: str, value: object, *, even: bool = False) -> int:
    """Return `value` if it is an int >= 1 (and even, if asked), else raise."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{name} must be an int, got {value!r} ({type(value).__name__})")
    if value < 1:
        raise ValueError(f"{name} must be at least 1, got {value}")
    if even and value % 2:
        raise ValueError(
            f"{name} must be even (its modes come in conjugate pairs), got {value}"
        )
    return value


def one_of(name: str, value: object, options: Collection[str]) -> str:
    """Return `value` if it is one of the named options, else raise with the list of them."""
    if not isinstance(value, str):
        raise TypeError(
            f"{name} must be a str, one of {sorted(options)}, got {type(value).__name__}"
        )
    if value not in options:
        raise ValueError(f"unknown {name} {value!r}; expected one of {sorted(options)}")
    return value


def real_input(
    name: str, x: object, shape: str, sizes: Mapping[str, int], like: Tensor
) -> Tensor:
    """Check an input of a layer: a real floating-point tensor of the named shape.

    Parameters
    ----------
    name
        What the caller calls it, for the message.
    x
        The argument to check.
    shape
        Names of the dimensions, e.g. ``"B L H"``.
    sizes
        The dimensions whose size is known, e.g. ``{"H": 64}``.
    like
        A parameter, for its device and dtype. Half precision inputs are accepted beside its dtype (the
        layer computes in float32 and returns the input's); any other mismatch is an error, as in
        `torch.nn.Linear`.
    """
    if not isinstance(x, Tensor):
        raise TypeError(
            f"{name} must be a torch.Tensor of shape ({shape}), got {type(x).__name__}"
        )
    if x.dtype not in REAL_DTYPES:
        raise TypeError(
            f"{name} must be real floating point, got {x.dtype}; convert it first, e.g. {name}.float()"
        )
    if x.dtype != like.dtype and x.dtype not in (torch.float16, torch.bfloat16):
        raise TypeError(
            f"{name} has dtype {x.dtype} but the parameters are {like.dtype}; use "
            f"{name}.to({like.dtype}) or layer.to({x.dtype})"
        )
    on_device(name, x, like)
    dims = shape.split()
    expected = ", ".join(f"{d}={sizes[d]}" if d in sizes else d for d in dims)
    if x.ndim != len(dims):
        raise ValueError(f"{name} must have shape ({expected}), got {tuple(x.shape)}")
    for d, size in zip(dims, x.shape, strict=True):
        if d in sizes and size != sizes[d]:
            raise ValueError(
                f"{name} must have shape ({expected}), got {tuple(x.shape)}: {d} is {size}"
            )
        if d == "L" and size == 0:
            raise ValueError(
                f"{name} has length 0; expected at least one step, shape ({expected})"
            )
    return x


def on_device(name: str, x: Tensor, like: Tensor) -> None:
    """Raise if a tensor is sparse, or not on the device of the parameters."""
    if x.layout != torch.strided:
        raise TypeError(
            f"{name} must be a dense tensor, got {x.layout}: use {name}.to_dense()"
        )
    if x.device != like.device:
        raise ValueError(
            f"{name} is on {x.device} but the parameters are on {like.device}; use "
            f"{name}.to({str(like.device)!r})"
        )


def lengths(
    lengths: Sequence[int] | Tensor, batch: int, longest: int, device: torch.device
) -> Tensor:
    """Return the lengths of padded sequences, a (batch,) tensor of ints in 1 .. longest, on a device.

    The range is looked up on CPU only, and not while compiling, as in `finite`.
    """
    try:
        lengths = torch.as_tensor(lengths)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(
            f"lengths must be integers, one for each sequence, got {type(lengths).__name__}"
        ) from None
    if lengths.is_floating_point() or lengths.is_complex() or lengths.dtype == torch.bool:
        raise TypeError(f"lengths must be integers, got {lengths.dtype}")
    if lengths.ndim != 1 or len(lengths) != batch:
        raise ValueError(f"lengths has {lengths.numel()} entries for a batch of {batch}")
    if lengths.device.type == "cpu" and not torch.compiler.is_compiling():
        outside = lengths[(lengths < 1) | (lengths > longest)]
        if len(outside):
            raise ValueError(
                f"lengths must lie in 1 .. {longest} (the padded length), got {outside[0]}"
            )
    return lengths.to(device)


def intervals(dt: object, shape: Sequence[int], lengths: Tensor | None = None) -> Tensor:
    """Return the intervals between samples, a positive tensor of a shape (B,) or (B, L), in float64.

    Beyond the lengths anything may stand, and 1 is returned. Values are looked up as in `finite`.
    """
    shape = tuple(shape)
    if not isinstance(dt, Tensor) or not dt.is_floating_point():
        found = dt.dtype if isinstance(dt, Tensor) else type(dt).__name__
        raise TypeError(f"dt must be a real floating-point tensor {shape}, got {found}")
    if dt.shape != shape:
        raise ValueError(f"dt must have shape {shape}, as u, got {tuple(dt.shape)}")
    if lengths is not None:
        steps = torch.arange(shape[1], device=dt.device)
        dt = torch.where(steps < lengths[:, None], dt, 1)
    if dt.device.type == "cpu" and not torch.compiler.is_compiling():
        wrong = dt[~((dt > 0) & torch.isfinite(dt))]
        if len(wrong):
            raise ValueError(f"dt must be positive and finite, got {wrong[0]}")
    return dt.double()


def starts(reset: object, shape: Sequence[int], like: Tensor) -> Tensor:
    """Return a mask of the steps at which episodes start, bool, of a shape (B,) or (B, L)."""
    shape = tuple(shape)
    if not isinstance(reset, Tensor) or reset.dtype != torch.bool:
        found = reset.dtype if isinstance(reset, Tensor) else type(reset).__name__
        raise TypeError(
            f"reset must be a bool tensor {shape}, True where an episode starts, got {found}"
        )
    if reset.shape != shape:
        raise ValueError(f"reset must have shape {shape}, as u, got {tuple(reset.shape)}")
    on_device("reset", reset, like)
    return reset


def rate(value: object) -> None:
    """Raise if the ratio of two sampling intervals is not a positive finite number."""
    positive("rate", value, "2 for every second sample")


def positive(name: str, value: object, example: str = "") -> float:
    """Return `value` if it is a positive finite number, else raise."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name} must be a number, got {type(value).__name__}")
    if not 0 < value < float("inf"):
        hint = f" ({example})" if example else ""
        raise ValueError(f"{name} must be positive and finite{hint}, got {value}")
    return float(value)


def flag(name: str, value: object) -> bool:
    """Return `value` if it is True or False, else raise."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}")
    return value


def finite(name: str, x: Tensor) -> None:
    """Raise ValueError if a parameter holds NaN or infinity.

    Looked up on CPU only, and not while compiling or exporting: on a GPU the answer would have to
    be waited for at every call. `ssm_lib.train.fit` stops on a loss that is not finite on any device.
    """
    if x.device.type != "cpu" or torch.compiler.is_compiling():
        return
    x = x.detach()
    if not bool(torch.isfinite(x.double().sum())):  # one number holds the verdict
        bad = int((~torch.isfinite(x)).sum())
        raise ValueError(
            f"parameter {name} {tuple(x.shape)} holds {bad} values that are NaN or infinite"
        )


def known_arguments(cls: type, config: Mapping[str, Any]) -> dict[str, Any]:
    """The config as a dict; TypeError or ValueError if its keys are no arguments of the class."""
    if not isinstance(config, Mapping):
        raise TypeError(f"config must be a dict, got {type(config).__name__}")
    known = list(inspect.signature(cls).parameters)
    if unknown := sorted(set(config) - set(known)):
        raise ValueError(
            f"unknown {unknown} in the config of {cls.__name__}; known: {known}"
        )
    return dict(config)


def broadcast_shapes(*shapes: Sequence[int]) -> torch.Size:
    """The shape that these shapes broadcast to; ValueError if they do not.

    `torch.broadcast_shapes` imports sympy when it is first called, which takes longer than a training step.
    """
    try:
        if torch.compiler.is_compiling():
            return torch.broadcast_shapes(*shapes)
        return torch.Size(np.broadcast_shapes(*(tuple(shape) for shape in shapes)))
    except (RuntimeError, ValueError):
        listed = ", ".join(str(tuple(shape)) for shape in shapes)
        raise ValueError(f"the shapes {listed} do not broadcast") from None
