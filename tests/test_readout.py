"""The output C x + D u against its formula, whose gradient autograd knows."""

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ssm_lib.layers.readout import readout


def formula(x, C, u, D):
    return x @ C + u * D


def inputs(B=2, L=70, M=4, H=3):
    shapes = (B, L, M), (M, H), (B, L, H), (H,)
    return [torch.randn(shape, dtype=torch.float64, requires_grad=True) for shape in shapes]


def test_values_and_gradients():
    """70 steps are more than one piece of the gradient of D."""
    tensors = inputs()
    torch.testing.assert_close(readout(*tensors), formula(*tensors))
    weights = torch.randn(2, 70, 3, dtype=torch.float64)
    found, expected = (torch.autograd.grad(f(*tensors), tensors, weights) for f in (readout, formula))
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other)
    assert torch.autograd.gradgradcheck(readout, inputs(L=3, H=2))


def test_maps_over_any_of_its_inputs():
    tensors = [x.detach() for x in inputs(L=5)]
    for i in range(4):
        several = [torch.stack([x, 2 * x], -1) if k == i else x for k, x in enumerate(tensors)]
        dims = [-1 if k == i else None for k in range(4)]
        found = torch.vmap(readout, tuple(dims))(*several)
        torch.testing.assert_close(found, torch.vmap(formula, tuple(dims))(*several))


def test_gradient_makes_one_tensor_as_large_as_the_input():
    tensors = inputs(L=4096)
    y, made = readout(*tensors), {}
    dy = torch.randn_like(y)

    class Watch(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            out = function(*args, **(kwargs or {}))
            if isinstance(out, torch.Tensor) and out.untyped_storage().nbytes() == dy.nbytes:
                made[out.untyped_storage().data_ptr()] = function
            return out

    given = {x.untyped_storage().data_ptr() for x in (*tensors, dy, y)}
    with Watch():
        torch.autograd.grad(y, tensors, dy)
    assert len(made.keys() - given) == 1, made
