"""A run that takes a second, and what two runs must have in common to be one."""

import warnings
from dataclasses import replace

import pytest
import torch

from ssm_lib.engine import Experiment, checkpoint, session
from ssm_lib.engine.fabric import Machine
from ssm_lib.engine.folder import RunFolder
from ssm_lib.objectives import IGNORED
from ssm_lib.tasks.base import StreamTask

CPU = Machine(accelerator="cpu")
TINY = Experiment(
    task="delay",
    model={
        "d_model": 4,
        "n_layers": 1,
        "layer": "s4d",
        "layer_args": {"d_state": 4},
        "pooling": "none",
        "norm": "batch",
        "dropout": 0.2,
    },
    task_args={"length": 8, "lag": 2},
    steps=8,
    batch_size=8,
    lr=1e-2,
    ssm_lr=1e-2,
    warmup=2,
    accumulate=2,
    clip=0.5,
    eval_every=3,
    save_every=2,
)


def sparse_task(length=8, objective="f1"):
    """Signs of noise: labels of the first steps alone, of none to all of them, and few of class 2."""

    def sample(batch, length, generator):
        u = torch.randn(batch, length, 1, generator=generator)
        y = (u[..., 0] > 0).long() + (u[..., 0] > 1.5)
        ends = torch.randint(length + 1, (batch, 1), generator=generator)
        return u, torch.where(torch.arange(length) < ends, y, IGNORED)

    return StreamTask(sample, length, 3, d_input=1, objective=objective, block=4)


SMOOTH = replace(TINY, model={**TINY.model, "norm": "layer", "dropout": 0.0}, accumulate=1)
SPARSE = replace(SMOOTH, task="sparse", task_args={"length": 8})


def train(path, experiment=TINY, machine=CPU, **more):
    """Train quietly in this process."""
    return session.train(path, experiment, machine, quiet=True, **more)


def life(path, experiment):
    """A process that begins the run in a folder, or goes on with it."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    train(path, experiment, resume=RunFolder(path).holds_a_run)


def last(path):
    """The newest checkpoint of a run."""
    found = checkpoint.latest(path / "checkpoints", print)
    assert found is not None
    return found


def timeless(rows):
    """Rows of a log without the seconds, which no two runs share."""
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


def assert_same(path, other):
    """Two runs ended with the same bits in every tensor, the same log and the same data."""
    one, two = last(path), last(other)
    assert one.tensors.keys() == two.tensors.keys()
    different = [n for n, x in one.tensors.items() if not torch.equal(x, two.tensors[n])]
    assert different == []
    assert one.data | {"seconds": 0} == two.data | {"seconds": 0}
    rows = RunFolder(path).rows()
    assert timeless(rows) == timeless(RunFolder(other).rows())
    assert [row["step"] for row in rows] == sorted({row["step"] for row in rows})


def close(path, other, tolerance):
    """Two runs ended within a tolerance of each other, in all parameters and in the log."""
    one, two = last(path), last(other)
    for name, x in one.tensors.items():
        if name.startswith(("model.", "optimizer.")):
            torch.testing.assert_close(x, two.tensors[name], atol=tolerance, rtol=tolerance)
    for row, row2 in zip(*(timeless(RunFolder(p).rows()) for p in (path, other)), strict=True):
        assert row == pytest.approx(row2, abs=tolerance, rel=tolerance)


def cut(experiment, **changes):
    """The experiment with other values."""
    return replace(experiment, **changes)
