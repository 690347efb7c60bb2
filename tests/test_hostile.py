"""A thousand hostile calls: each works or raises a TypeError or ValueError that says what came."""

import inspect
import random

import pytest
import torch

from ssm_lib.layers import LAYERS

VALUES = [
    None, True, False, 0, 1, -1, 3, 7, 2**31, 2.5, -0.1, float("nan"), float("inf"), 1e-300, "", "legs", "zoh", "exp",
    "no such thing", b"legs", (), [], [1], [1, 2], ["a"], {}, {"a": 1}, object(), int, lambda: None, 1j,
    torch.tensor(1.0), torch.tensor(float("nan")), torch.zeros(0), torch.ones(2, 3), torch.ones(2, 5, 3),
    torch.ones(2, 5, 3, dtype=torch.int64), torch.ones(2, 5, 3, dtype=torch.bool), torch.ones(2, 5, 3) * 1j,
    torch.ones(2, 0, 3), torch.ones(0, 5, 3), torch.ones(2, 5, 4), torch.ones(2, 5, 3).double(), torch.tensor([5, 6]),
    torch.tensor([5.0, 2.0]), torch.tensor([[1, 2]]), torch.ones(2, 5, 3, device="meta"), torch.ones(2, 5).to_sparse(),
]  # fmt: skip
ALLOWED = (TypeError, ValueError, NotImplementedError)


def clear(error):
    """An error of ours: not of Python about our own code's internals, and with words in it."""
    frames = inspect.getinnerframes(error.__traceback__)
    return len(str(error)) > 15 and "ssm_lib" in frames[-1].filename or isinstance(error, NotImplementedError)


def attack(chance, key):
    """One hostile call of a layer; the error it raised, or None."""
    cls = LAYERS[key]
    names = list(inspect.signature(cls).parameters)
    target = chance.choice(["constructor", "forward", "step", "kernel"])
    if target == "constructor":
        arguments = {"d_model": 3, "d_state": 4, chance.choice(names): chance.choice(VALUES)}
        if chance.random() < 0.5:
            arguments[chance.choice(names)] = chance.choice(VALUES)
        if any(
            isinstance(arguments.get(n), int) and arguments[n] > 10**6
            for n in ("d_model", "d_state", "blocks")
        ):
            return None  # a valid wish for more memory than there is
        return caught(lambda: cls(**arguments)), (target, arguments)
    layer = cls(3, 4)
    if target == "kernel":
        arguments = {"length": chance.choice(VALUES), "rate": chance.choice([1.0, *VALUES])}
        if isinstance(arguments["length"], int) and arguments["length"] > 10**6:
            return None
        return caught(lambda: layer.kernel(**arguments)), (target, arguments)
    usual = torch.ones(2, 5, 3) if target == "forward" else torch.ones(2, 3)
    arguments = {"u" if target == "forward" else "u_t": usual}
    options = [n for n in inspect.signature(getattr(cls, target)).parameters if n != "self"]
    if target == "step":
        arguments["state"] = None
    for name in chance.sample(options, chance.choice([1, 1, 2])):
        arguments[name] = chance.choice(VALUES)
    return caught(lambda: getattr(layer, target)(**arguments)), (target, arguments)


def caught(call):
    try:
        call()
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("key", LAYERS)
def test_hostile_arguments_give_clear_errors(key):
    chance = random.Random(key)
    raised, unclear = 0, []
    for _ in range(170):  # for each of six layers: 1,020 calls
        result = attack(chance, key)
        if result is None or result[0] is None:
            continue
        error, what = result
        raised += 1
        if not isinstance(error, ALLOWED) or not clear(error):
            unclear.append(f"{what}: {type(error).__name__}: {error}")
    assert not unclear, "\n\n".join(unclear)
    assert raised > 80
