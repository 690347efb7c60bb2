"""All that training leaves behind after a step, as tensors by name and plain data, and back.

Parameters and the optimizer's state go by the parameters' names; random numbers and running sums by process.
Under FSDP the parts of all devices are gathered into whole tensors, so that a checkpoint does not depend on
how it was trained.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.optim import Optimizer

MODEL, OPTIMIZER, PROCESS = "model.", "optimizer.", "process."
WRAPPERS = ("_forward_module.", "_fsdp_wrapped_module.", "_orig_mod.")


def names(model: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters by the names that they have in the bare model, whatever it is wrapped into."""
    found = {}
    for name, p in model.named_parameters():
        for wrapper in WRAPPERS:
            name = name.replace(wrapper, "")
        found[name] = p
    return found


def pack(
    model: nn.Module, optimizer: Optimizer, sharded: bool
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors of a model and its optimizer, and the settings of the optimizer's groups.

    Parameters
    ----------
    model
        Bare, or as FSDP wrapped it if sharded.
    optimizer
        Over its parameters.
    sharded
        Gather from all processes; then all of them must call this.

    Returns
    -------
    tensors : ``model.NAME`` and ``optimizer.NAME.KEY``.
    data : ``groups``, each with the names of its parameters.
    """
    if sharded:
        weights, optimizer_state = _gather(model, optimizer)
    else:
        weights, optimizer_state = model.state_dict(), _by_name(model, optimizer)
    tensors = {MODEL + name: x for name, x in weights.items()}
    for name, values in optimizer_state["state"].items():
        for key, value in values.items():
            tensors[f"{OPTIMIZER}{name}.{key}"] = torch.as_tensor(value)
    return tensors, {"groups": optimizer_state["param_groups"]}


def unpack(
    model: nn.Module,
    optimizer: Optimizer,
    tensors: Mapping[str, Tensor],
    data: Mapping[str, Any],
    sharded: bool,
) -> None:
    """Put back what `pack` returned.

    Raises
    ------
    ValueError
        If the names or shapes are those of another model.
    """
    weights = part(tensors, MODEL)
    state: dict[str, dict[str, Tensor]] = {}
    for name, x in part(tensors, OPTIMIZER).items():
        owner, _, key = name.rpartition(".")
        state.setdefault(owner, {})[key] = x
    by_name = {"state": state, "param_groups": list(data["groups"])}
    if sharded:
        _scatter(model, optimizer, weights, by_name)
        return
    load_weights(model, weights)
    mine = optimizer.state_dict()
    numbers = _numbers(model, optimizer)
    if [[numbers[n] for n in group["params"]] for group in by_name["param_groups"]] != [
        group["params"] for group in mine["param_groups"]
    ]:
        raise ValueError("the optimizer's groups hold other parameters")
    optimizer.load_state_dict(
        {
            "state": {numbers[name]: values for name, values in state.items()},
            "param_groups": [
                {**group, "params": own["params"]}
                for group, own in zip(by_name["param_groups"], mine["param_groups"])
            ],
        }
    )


def load_weights(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Copy tensors into a model; ValueError in one line if they are another model's."""
    own = model.state_dict()
    missing, more = own.keys() - weights.keys(), weights.keys() - own.keys()
    other = [n for n in own.keys() & weights.keys() if own[n].shape != weights[n].shape]
    if missing or more or other:
        found = [
            f"{len(kind)} {word}, such as {min(kind)}"
            for kind, word in ((missing, "missing"), (more, "too many"))
            if kind
        ]
        if other:
            n = min(other)
            shapes = f"{tuple(weights[n].shape)} for {tuple(own[n].shape)}"
            found.append(f"{len(other)} of another shape, such as {n}: {shapes}")
        raise ValueError(f"the weights are of another model: {'; '.join(found)}")
    model.load_state_dict(weights)


def part(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The tensors whose names start so, by the rest of their names."""
    return {n[len(prefix) :]: x for n, x in tensors.items() if n.startswith(prefix)}


def random_state(device: torch.device) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state of all generators of this process: torch's (and the GPU's), Python's, NumPy's."""
    tensors = {"torch": torch.get_rng_state()}
    if device.type == "cuda":
        tensors["cuda"] = torch.cuda.get_rng_state(device)
    version, numbers, gauss = random.getstate()
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002 (what others' code may use)
    tensors["python"] = torch.tensor(numbers, dtype=torch.int64)
    tensors["numpy"] = torch.from_numpy(np.asarray(keys).astype(np.int64))
    return tensors, {"python": [version, gauss], "numpy": [str(kind), *rest]}


def set_random_state(
    device: torch.device, tensors: Mapping[str, Tensor], data: Mapping[str, Any]
) -> None:
    """Put back what `random_state` returned."""
    torch.set_rng_state(tensors["torch"])
    if device.type == "cuda" and "cuda" in tensors:
        torch.cuda.set_rng_state(tensors["cuda"], device)
    version, gauss = data["python"]
    random.setstate((version, tuple(tensors["python"].tolist()), gauss))
    kind, *rest = data["numpy"]
    keys = tensors["numpy"].numpy().astype(np.uint32)
    np.random.set_state((kind, keys, *rest))  # noqa: NPY002


def seed_all(seed: int) -> None:
    """Seed torch's generators, Python's and NumPy's."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002


def gather(mine: Any) -> list[Any]:
    """What each process of the run has, in their order; all of them must call this."""
    if not (distributed.is_available() and distributed.is_initialized()):
        return [mine]
    every: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(every, mine)
    return every


def _by_name(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """The optimizer's state_dict with names in the place of numbers."""
    name = {number: n for n, number in _numbers(model, optimizer).items()}
    found = optimizer.state_dict()
    groups = [
        {**group, "params": [name[i] for i in group["params"]]}
        for group in found["param_groups"]
    ]
    state = {name[i]: values for i, values in found["state"].items()}
    return {"state": state, "param_groups": groups}


def _numbers(model: nn.Module, optimizer: Optimizer) -> dict[str, int]:
    """The numbers that the optimizer's state_dict has for the parameters."""
    order = [p for group in optimizer.param_groups for p in group["params"]]
    number = {p: i for i, p in enumerate(order)}
    return {n: number[p] for n, p in names(model).items() if p in number}


def _gather(model: nn.Module, optimizer: Optimizer) -> tuple[dict[str, Any], Any]:
    from torch.distributed.checkpoint import state_dict as sharded

    on_gpu = next(
        model.parameters()
    ).is_cuda  # torch 2.13 crashes when it offloads from the CPU
    options = sharded.StateDictOptions(full_state_dict=True, cpu_offload=on_gpu)
    weights, found = sharded.get_state_dict(model, optimizer, options=options)
    # the first process has all of it; the others, when it is moved to the CPU, nothing
    return weights, {"state": {}, "param_groups": [], **found}


def _scatter(
    model: nn.Module, optimizer: Optimizer, weights: Any, optimizer_state: Any
) -> None:
    from torch.distributed.checkpoint import state_dict as sharded

    options = sharded.StateDictOptions(full_state_dict=True)
    sharded.set_state_dict(
        model,
        optimizer,
        model_state_dict=weights,
        optim_state_dict=optimizer_state,
        options=options,
    )
