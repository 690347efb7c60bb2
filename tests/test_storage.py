"""Models are stored, copied, distributed, compiled and trained by the usual tools, without exceptions."""

import copy
import json
import os
import pickle
import socket
import time
import warnings
from datetime import timedelta

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import distributed
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from ssm_lib import LAYERS, RetrievalModel, SequenceModel, param_groups

every_layer = pytest.mark.parametrize("layer", sorted(LAYERS))
DEADLINE = 90  # seconds for two processes to start, compute and end


def model(layer="s4d", **more):
    torch.manual_seed(0)
    arguments = {"layer_args": {"d_state": 8}, "norm": "batch", "dropout": 0.1, **more}
    return SequenceModel(2, 3, d_model=4, n_layers=2, layer=layer, **arguments)


def gradients(net, u, y):
    net.zero_grad()
    torch.nn.functional.cross_entropy(net(u), y).backward()
    return {name: p.grad.clone() for name, p in net.named_parameters()}


def stored(net):
    """All tensors of a model, also those that its state_dict leaves out."""
    return {**dict(net.named_parameters()), **dict(net.named_buffers()), **net.state_dict()}


@every_layer
@pytest.mark.parametrize("bidirectional", [False, True])
def test_all_that_is_stored_is_real(layer, bidirectional):
    net = model(layer, layer_args={"d_state": 8, "bidirectional": bidirectional})
    for dtype in (torch.float32, torch.float64, torch.bfloat16):
        net.to(dtype)
        assert {name for name, x in stored(net).items() if x.dtype != dtype} == set()
        if not bidirectional:
            wide = torch.promote_types(dtype, torch.float32)
            assert {part.dtype for part in net.initial_state(2)} == {wide}


@every_layer
def test_nothing_stored_depends_on_the_length(layer):
    net = model(layer)
    before = {name: x.shape for name, x in stored(net).items()}
    for length in (11, 41):
        net(torch.randn(2, length, 2))
        assert {name: x.shape for name, x in stored(net).items()} == before
        assert not any(length in shape for shape in before.values())


@every_layer
def test_round_trip_through_safetensors_and_the_config(layer, tmp_path):
    net, u = model(layer), torch.randn(2, 9, 2)
    net(u)  # moves the running statistics
    save_file(net.state_dict(), tmp_path / "model.safetensors", {"config": json.dumps(net.config)})
    again = SequenceModel.from_config(net.config)
    torch.nn.init.zeros_(again.decoder.weight)
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(again.eval()(u), net.eval()(u))


def test_a_retrieval_model_is_stored_likewise(tmp_path):
    net, u = RetrievalModel(model(), 2), torch.randn(2, 9, 2)
    save_file(net.state_dict(), tmp_path / "model.safetensors")
    again = RetrievalModel.from_config(net.config)
    again.load_state_dict(load_file(tmp_path / "model.safetensors"))
    assert torch.equal(again.eval()(u, -u), net.eval()(u, -u))


@every_layer
def test_copies_are_equal_and_independent(layer):
    net, u = model(layer).eval(), torch.randn(2, 9, 2)
    y = net(u)
    copies = copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    for other in copies:
        assert torch.equal(other(u), y)
        assert other.config == net.config
    with torch.no_grad():
        for x in stored(net).values():
            x.add_(1)
    for other in copies:
        assert torch.equal(other(u), y)


@every_layer
def test_dtypes_change_the_precision_only(layer):
    net, u = model(layer).eval(), torch.randn(2, 9, 2)
    y = net(u)
    wide = net.double()(u.double())
    assert wide.dtype == torch.float64
    torch.testing.assert_close(wide.float(), y, atol=1e-4, rtol=1e-4)
    half = net.bfloat16()(u.bfloat16())
    assert half.dtype == torch.bfloat16
    torch.testing.assert_close(half.float(), y, atol=0.1, rtol=0.1)


@every_layer
def test_fused_adamw_takes_a_step(layer):
    net, other = model(layer, dropout=0.0), model(layer, dropout=0.0)
    u, y = torch.randn(4, 9, 2), torch.tensor([0, 1, 2, 0])
    for each, fused in ((net, True), (other, False)):
        optimizer = torch.optim.AdamW(param_groups(each, 0.01, 0.001, 0.05), fused=fused, foreach=False)
        before = {name: p.detach().clone() for name, p in each.named_parameters()}
        gradients(each, u, y)
        optimizer.step()
        still = [name for name, p in each.named_parameters() if torch.equal(p, before[name])]
        assert still == []
    for ours, theirs in zip(net.parameters(), other.parameters()):
        torch.testing.assert_close(ours, theirs, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("norm", ["layer", "batch"])
@pytest.mark.parametrize("padded", [False, True])
def test_a_whole_model_compiles_into_one_graph(norm, padded):
    torch.compiler.reset()
    net = model(norm=norm, dropout=0.0).double()
    u = torch.randn(3, 9, 2, dtype=torch.float64)
    lengths = torch.tensor([9, 2, 5]) if padded else None
    compiled = torch.compile(copy.deepcopy(net), fullgraph=True, backend="aot_eager")
    results = []
    for each in (net, compiled):
        y = each(u, lengths)
        y.square().sum().backward()
        results.append([y, *(p.grad for p in each.parameters()), *each.buffers()])
    for eager, ours in zip(*results):
        torch.testing.assert_close(ours, eager)


def test_a_model_of_tokens_compiles_into_one_graph():
    torch.compiler.reset()
    net = SequenceModel(None, 3, 4, 1, layer_args={"d_state": 8}, pooling="last", vocabulary=7)
    u = torch.randint(0, 7, (2, 9))
    torch.testing.assert_close(torch.compile(net, fullgraph=True, backend="aot_eager")(u), net(u))


@every_layer
def test_autocast_stays_finite_and_close(layer):
    net, u, y = model(layer, dropout=0.0), torch.randn(4, 300, 2), torch.tensor([0, 1, 2, 0])
    exact, expected = gradients(net, u, y), net(u)
    with torch.autocast("cpu", torch.bfloat16):
        out = net(u)
        loss = torch.nn.functional.cross_entropy(out, y)
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out.float(), expected, atol=0.05, rtol=0.05)
    net.zero_grad()
    loss.backward()
    for name, p in net.named_parameters():
        assert p.grad.dtype == torch.float32
        assert bool(torch.isfinite(p.grad).all()), name
        distance = float((p.grad - exact[name]).norm())
        assert distance < 0.1 * float(exact[name].norm()) + 0.02, name


@every_layer
def test_gradient_checkpointing_changes_no_gradient(layer):
    net = model(layer, norm="layer").double().train()
    u, y = torch.randn(3, 9, 2, dtype=torch.float64), torch.tensor([0, 1, 2])
    torch.manual_seed(1)  # of the dropout, which the recomputation must repeat
    expected = gradients(net, u, y)
    for block in net.blocks:
        block.forward = lambda *args, forward=block.forward: checkpoint(forward, *args, use_reentrant=False)
    torch.manual_seed(1)
    for name, gradient in gradients(net, u, y).items():
        torch.testing.assert_close(gradient, expected[name], atol=0, rtol=1e-12)


def joint_batch():
    torch.manual_seed(5)
    return torch.randn(6, 9, 2, dtype=torch.float64), torch.tensor([0, 1, 2, 0, 1, 2])


def distributed_model():
    net = model(norm="layer", dropout=0.0).double()
    return RetrievalModel(net, 3).double()


class Pairs(torch.nn.Module):
    """A retrieval model of a document and the same document backwards, as a function of one input."""

    def __init__(self):
        super().__init__()
        self.net = distributed_model()

    def forward(self, u):
        return self.net(u, u.flip(1))


def work(rank, port, folder):
    """One of two processes: gradients of its half of the batch, averaged with the other's."""
    warnings.simplefilter("error")
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    loopback = [name for _, name in socket.if_nameindex() if name in ("lo", "lo0")]
    os.environ |= {"GLOO_SOCKET_IFNAME": loopback[0]} if loopback else {}
    distributed.init_process_group("gloo", rank=rank, world_size=2, timeout=timedelta(seconds=DEADLINE))
    net = DistributedDataParallel(Pairs())
    u, y = joint_batch()
    found = gradients(net, u[3 * rank : 3 * rank + 3], y[3 * rank : 3 * rank + 3])
    save_file(found, os.path.join(folder, f"{rank}.safetensors"))
    distributed.destroy_process_group()


def test_two_processes_give_the_gradients_of_one(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = torch.multiprocessing.spawn(work, (port, str(tmp_path)), nprocs=2, join=False)
    end = time.monotonic() + DEADLINE
    try:
        while not processes.join(timeout=1):
            assert time.monotonic() < end, "the two processes did not end"
    finally:
        for process in processes.processes:
            if process.is_alive():
                process.terminate()
    expected = gradients(Pairs(), *joint_batch())
    for rank in range(2):
        found = load_file(tmp_path / f"{rank}.safetensors")
        assert len(found) == len(expected)
        for name, gradient in expected.items():
            torch.testing.assert_close(found[f"module.{name}"], gradient, atol=1e-12, rtol=1e-9)
