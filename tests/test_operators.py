"""The library's operators: what they cost to call, and that `torch.compile` gets them whole."""

import subprocess
import sys

import torch

from ssm_lib import conv, kernels, scan

FIRST_CALLS = """
import sys
import torch
from ssm_lib import S4D, S5

u = torch.randn(1, 16, 2)
for layer in (S4D(2, d_state=4), S4D(2, d_state=4, bidirectional=True), S5(2, d_state=4)):
    layer(u).sum().backward()
heavy = sorted({"torch._dynamo", "torch._inductor", "sympy"} & set(sys.modules))
assert not heavy, f"a first call imported {heavy}"
"""


def test_a_first_call_imports_no_compiler():
    """That took 1.6 s of the first kernel; the layers are called in training and in streaming alike."""
    done = subprocess.run([sys.executable, "-c", FIRST_CALLS], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]


def test_operators_stay_whole_in_a_compiled_graph():
    seen = set()

    def look(module, inputs):
        seen.update(str(node.target) for node in module.graph.nodes)
        return module

    def everything(a, b, u, log_a, w):
        return scan.linear(a, b), conv.causal(u, u[0]), kernels.vandermonde(log_a, w, 9)

    a, b, u = torch.rand(3), torch.randn(2, 9, 3), torch.randn(2, 3, 9)
    torch.compile(everything, backend=look, fullgraph=True)(a, b, u, -a[None], b[0, :1])
    assert {"ssm_lib.scan.default", "ssm_lib.negacyclic.default", "ssm_lib.sums.default"} <= seen
