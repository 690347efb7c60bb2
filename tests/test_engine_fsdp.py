"""A model in parts over two processes is stored whole, and is trained as one process trains it whole.

FSDP is made for GPUs, and the engine asks for them; torch also runs it on the CPU, so the state is tested there.
"""

import json
import multiprocessing
import os
import warnings

import pytest
import torch
from engine_tools import SMOOTH
from test_engine_devices import DEADLINE, free_port, loopback

from ssm_lib.blocks import Block
from ssm_lib.engine import loop, session, state


def make(wrap=None):
    """A new task, model and optimizer, the model in parts if asked."""
    task, model = session.build(SMOOTH)
    groups = loop._named_groups(model, SMOOTH)
    model = model if wrap is None else wrap(model)
    names = state.names(model)
    for group in groups:
        group["params"] = [names[name] for name in group["params"]]
    return task, model, torch.optim.AdamW(groups)


def steps(task, model, optimizer, size, first, last, rank=0, world=1):
    """Train by hand on the share of one process."""
    for step in range(first, last):
        u, y = next(task.train_batches(size, 0, world * step + rank))
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(model(u), y).backward()
        optimizer.step()


def plain(packed):
    """What a checkpoint would hold of it and give back."""
    return {name: x.clone() for name, x in packed[0].items()}, json.loads(json.dumps(packed[1]))


def work(rank, port):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **loopback()}
    torch.distributed.init_process_group("gloo", rank=rank, world_size=2)
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    def wrap(model):
        policy = ModuleWrapPolicy({Block})
        device = torch.device("cpu")
        return FullyShardedDataParallel(
            model, device_id=device, auto_wrap_policy=policy, use_orig_params=True
        )

    task, model, optimizer = make(wrap)
    steps(task, model, optimizer, 4, 0, 3, rank, 2)
    saved = plain(state.pack(model, optimizer, sharded=True))
    steps(task, model, optimizer, 4, 3, 5, rank, 2)
    end = plain(state.pack(model, optimizer, sharded=True))

    task, model, optimizer = make(wrap)
    state.unpack(model, optimizer, *saved, sharded=True)
    steps(task, model, optimizer, 4, 3, 5, rank, 2)
    again = plain(state.pack(model, optimizer, sharded=True))
    assert again[1] == end[1]
    assert [name for name, x in end[0].items() if not torch.equal(x, again[0][name])] == []

    task, model, optimizer = make()
    steps(task, model, optimizer, 8, 0, 5)
    whole = plain(state.pack(model, optimizer, sharded=False))
    assert whole[0].keys() == end[0].keys()
    for name, x in whole[0].items():
        torch.testing.assert_close(end[0][name], x, atol=1e-6, rtol=1e-4)
    state.unpack(model, optimizer, *end, sharded=False)  # and a model in one piece takes it
    torch.distributed.destroy_process_group()


@pytest.mark.slow
@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="FSDP on the CPU, as far as it was tried",
)
def test_parts_are_stored_whole_and_put_back():
    context, port = multiprocessing.get_context("spawn"), free_port()
    processes = [context.Process(target=work, args=(rank, port)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(2 * DEADLINE)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]
