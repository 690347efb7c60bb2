"""Many processes train what one does, and go on from a checkpoint as one does."""

import json
import multiprocessing
import os
import shutil
import socket
import subprocess
import sys
import warnings

import pytest
import torch
from engine_tools import SMOOTH, SPARSE, TINY, assert_same, close, cut, last, sparse_task, train

from ssm_lib.engine.errors import InputError
from ssm_lib.engine.fabric import Machine, make_fabric
from ssm_lib.engine.folder import RunFolder
from ssm_lib.tasks import registry
from ssm_lib.tasks.base import StreamTask

UNEVEN = ("accuracy", "f1")  # objectives whose labels the processes and parts have unlike numbers of
DEADLINE = 90  # seconds for two processes to start, compute and end


def uneven(length=8, lag=2):
    """The delay with three batches to test on, which two processes cannot share evenly."""
    task = registry.delay_task(length, lag)
    return StreamTask(task.sample, length, 1, d_input=1, block=4, test_size=70, test_batch=30)


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def loopback():
    names = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    return {"GLOO_SOCKET_IFNAME": names[0]} if names else {}


def work(rank, port, folder):
    """One of two processes."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    registry.TASKS["delay"] = uneven
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), **loopback()}
    os.environ |= {"LOCAL_RANK": str(rank), "NODE_RANK": "0", "WORLD_SIZE": "2"}
    two = Machine(devices=2, accelerator="cpu")
    exact = Machine(devices=2, accelerator="cpu", precision="64")
    train(folder / "two", SMOOTH, exact)
    registry.TASKS["sparse"] = sparse_task
    for name in UNEVEN:
        train(folder / f"two-{name}", cut(SPARSE, accumulate=2, task_args={"objective": name}), exact)
    train(folder / "whole", TINY, two)
    if rank == 0:
        shutil.copytree(folder / "whole", folder / "killed")
        last(folder / "killed").path.unlink()
    torch.distributed.barrier()
    train(folder / "killed", TINY, two, resume=True)
    with pytest.raises(InputError, match="already holds a run"):
        train(folder / "whole", TINY, two)
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_train_what_one_does(tmp_path, monkeypatch):
    """In 64 bits within 1e-10; each with a half of the batch. With dropout, a resumed run is equal in every bit."""
    context, port = multiprocessing.get_context("spawn"), free_port()
    processes = [context.Process(target=work, args=(rank, port, tmp_path)) for rank in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(DEADLINE)
        process.kill()
    assert [process.exitcode for process in processes] == [0, 0]
    monkeypatch.setitem(registry.TASKS, "delay", uneven)
    exact = Machine(accelerator="cpu", precision="64")
    train(tmp_path / "one", SMOOTH, exact)
    close(tmp_path / "two", tmp_path / "one", 1e-10)
    monkeypatch.setitem(registry.TASKS, "sparse", sparse_task)
    for name in UNEVEN:
        train(tmp_path / f"one-{name}", cut(SPARSE, task_args={"objective": name}), exact)
        close(tmp_path / f"two-{name}", tmp_path / f"one-{name}", 1e-10)
    assert_same(tmp_path / "killed", tmp_path / "whole")
    random = [last(tmp_path / "whole").tensors[f"process.{rank}.torch"] for rank in range(2)]
    assert not torch.equal(*random), "both processes draw the same dropout"
    # one process goes on with what two began: the same samples, so nearly the same without dropout
    last(tmp_path / "two").path.unlink()
    train(tmp_path / "two", SMOOTH, exact, resume=True)
    close(tmp_path / "two", tmp_path / "one", 1e-10)


@pytest.mark.slow
def test_the_command_starts_its_processes(tmp_path):
    changes = ["steps=4", "batch_size=8", "eval_every=2", "save_every=2", "warmup=1"]
    sets = [word for change in changes for word in ("--set", change)]
    common = ["--folder", str(tmp_path), "--accelerator", "cpu", "--precision", "64", "--quiet"]
    command = [sys.executable, "-W", "error", "-m", "ssm_lib", "train", "delay", *sets, *common]
    environment = os.environ | loopback()
    done = subprocess.run(
        [*command, "--name", "two", "--devices", "2"],
        capture_output=True,
        text=True,
        env=environment,
        timeout=DEADLINE,
    )
    assert done.returncode == 0, done.stderr
    config = json.loads((tmp_path / "two" / "config.json").read_text())
    assert config["machine"]["devices"] == 2
    from ssm_lib.__main__ import main

    assert main([*command[5:], "--name", "one"]) == 0
    close(tmp_path / "two", tmp_path / "one", 1e-10)


@pytest.mark.filterwarnings("ignore:This DataLoader will create")  # on a machine with one core
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(tmp_path, workers):
    train(tmp_path / "whole")
    train(tmp_path / "run", machine=Machine(accelerator="cpu", workers=workers))
    last(tmp_path / "run").path.unlink()
    train(tmp_path / "run", machine=Machine(accelerator="cpu", workers=workers), resume=True)
    assert_same(tmp_path / "run", tmp_path / "whole")


def test_deterministic_algorithms_are_asked_for(monkeypatch):
    asked = []
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    make_fabric(Machine(accelerator="cpu"))
    assert asked == []
    make_fabric(Machine(accelerator="cpu", deterministic=True))
    assert asked == [True]


def test_bfloat16_trains_close_to_32_bits(tmp_path):
    train(tmp_path / "run", SMOOTH)
    train(tmp_path / "half", SMOOTH, Machine(accelerator="cpu", precision="bf16"))
    rows = [RunFolder(tmp_path / name).rows()[-1] for name in ("run", "half")]
    assert rows[0]["loss"] != rows[1]["loss"]
    assert rows[0]["loss"] == pytest.approx(rows[1]["loss"], rel=0.02)
    assert last(tmp_path / "half").tensors["model.decoder.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    ("machine", "message"),
    [
        (Machine(precision="16", accelerator="cpu"), "precision 16 needs a CUDA device"),
        (Machine(strategy="fsdp", accelerator="cpu"), "fsdp needs CUDA devices"),
        (Machine(accelerator="cuda", devices=99), r"99 CUDA devices asked for, and torch finds \d"),
        (Machine(devices=0), "devices must be at least 1"),
        (Machine(precision="8"), "unknown precision '8'"),
        (Machine(strategy="dp"), "unknown strategy 'dp'; did you mean ddp"),
    ],
)
def test_what_the_machine_cannot_do_is_said(machine, message):
    with pytest.raises(InputError, match=message):
        make_fabric(machine)
