"""What is minimized and what is reported, for each kind of target: sums that add up over batches and devices.

A `Tally` adds them on the device, and reads them only when a row is due.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

IGNORED = -100  # a label that counts for nothing, as in torch.nn.functional.cross_entropy
SMALLEST_VARIANCE = 1e-5  # of the targets, in R^2


@dataclass(frozen=True)
class Objective:
    """A loss of which the parts of a batch are added, and a score of which those of many batches are.

    Parameters
    ----------
    count
        (y, d_output) -> int64 Tensor, to be added: the targets that count, of each class if classes are weighted.
    part
        (outputs, y, count) -> scalar Tensor: what they add to the mean loss of a batch that counts so much.
    sums
        (outputs, y) -> float64 Tensor of any shape, to be added.
    score
        Sum of such tensors -> float.
    labels
        Whether the targets are classes (int64, one axis less than the outputs).
    higher
        Whether a higher score is better.
    """

    count: Callable[[Tensor, int], Tensor]
    part: Callable[[Tensor, Tensor, Tensor], Tensor]
    sums: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor], float]
    labels: bool = False
    higher: bool = True

    def loss(self, outputs: Tensor, y: Tensor) -> Tensor:
        """The mean over a whole batch, a scalar; outputs (..., d_output), y (...) or alike."""
        return self.part(outputs, y, self.count(y, outputs.shape[-1]))


def last_steps(outputs: Tensor, y: Tensor) -> Tensor:
    """The outputs of as many of the last steps as the targets have: (B, L, d) -> (B, M, d) for y (B, M, ...)."""
    if outputs.ndim == 3 and y.ndim > 1 and y.shape[1] < outputs.shape[1]:
        return outputs[:, -y.shape[1] :]
    return outputs


def _labels(y: Tensor, d_output: int) -> Tensor:
    return (y != IGNORED).sum()


def _labels_by_class(y: Tensor, d_output: int) -> Tensor:
    return torch.bincount(y[y != IGNORED], minlength=d_output)


def _numbers(y: Tensor, d_output: int) -> Tensor:
    return torch.tensor(y.numel(), device=y.device)


def _cross_entropy(outputs: Tensor, y: Tensor, count: Tensor) -> Tensor:
    return _sum_of_labels(outputs, y) / count.clamp(min=1)


def _balanced(outputs: Tensor, y: Tensor, count: Tensor) -> Tensor:
    """Cross-entropy in which every class that the batch has weighs the same."""
    weight = (1 / count.clamp(min=1)).to(outputs.dtype)
    return _sum_of_labels(outputs, y, weight) / (count > 0).sum().clamp(min=1)


def _sum_of_labels(outputs: Tensor, y: Tensor, weight: Tensor | None = None) -> Tensor:
    outputs, y = outputs.flatten(0, -2), y.flatten()
    return F.cross_entropy(outputs, y, weight, ignore_index=IGNORED, reduction="sum")


def _correct(outputs: Tensor, y: Tensor) -> Tensor:
    correct = (outputs.argmax(-1) == y).sum()
    return torch.stack([correct, (y != IGNORED).sum()]).double()


def _share(sums: Tensor) -> float:
    return float(sums[0] / sums[1])


def _square(outputs: Tensor, y: Tensor, count: Tensor) -> Tensor:
    return F.mse_loss(outputs, y.to(outputs.dtype), reduction="sum") / count


def _moments(outputs: Tensor, y: Tensor) -> Tensor:
    y = y.double()
    error = (outputs.double() - y).square().sum()
    return torch.stack([error, y.new_tensor(y.numel()), y.sum(), y.square().sum()])


def _mse(sums: Tensor) -> float:
    return float(sums[0] / sums[1])


def _r2(sums: Tensor) -> float:
    error, mean, square = (sums[[0, 2, 3]] / sums[1]).tolist()
    return 1 - error / max(square - mean**2, SMALLEST_VARIANCE)


def _confusion(outputs: Tensor, y: Tensor) -> Tensor:
    """How often each class (row) was taken for each (column)."""
    classes = outputs.shape[-1]
    y, found = y.flatten(), outputs.argmax(-1).flatten()
    pairs = (classes * y + found)[y != IGNORED]
    return torch.bincount(pairs, minlength=classes**2).view(classes, classes).double()


def _macro_f1(sums: Tensor) -> float:
    hits = sums.diagonal()
    return float((2 * hits / (sums.sum(0) + sums.sum(1)).clamp(min=1)).mean())


OBJECTIVES = {
    "accuracy": Objective(_labels, _cross_entropy, _correct, _share, labels=True),
    "f1": Objective(_labels_by_class, _balanced, _confusion, _macro_f1, labels=True),
    "mse": Objective(_numbers, _square, _moments, _mse, higher=False),
    "r2": Objective(_numbers, _square, _moments, _r2),
}
"""``accuracy``: cross-entropy, share of correct labels. ``f1``: cross-entropy with classes weighted by 1 / count in
the batch, mean F1 over the classes. ``mse``: mean squared error, both. ``r2``: mean squared error,
1 - MSE / variance of all targets. Labels of -100 count for nothing."""


class Tally:
    """Sums over batches, of this process; `total` adds those of all processes.

    Parameters
    ----------
    objective
        What is summed and how it is scored.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        # loss: (2,), sum and weight; sums: the objective's
        self.tensors: dict[str, Tensor] = {}

    def add(
        self, outputs: Tensor, y: Tensor, loss: Tensor | None = None, weight: int = 1
    ) -> None:
        """Add a batch: outputs and targets, and the loss where there is one, with its weight; detached."""
        outputs = outputs.detach()
        new = {"sums": self.objective.sums(outputs, y)}
        if loss is not None:
            loss = loss.detach().double()
            new["loss"] = weight * torch.stack([loss, torch.ones_like(loss)])
        for name, x in new.items():
            self.tensors[name] = self.tensors[name] + x if name in self.tensors else x

    def mean_loss(self) -> float:
        """Mean loss so far, of this process."""
        total, count = self.tensors["loss"].tolist()
        return total / count

    def total(self) -> tuple[float, float]:
        """Mean loss (nan without one) and score, over all processes; all of them must call this."""
        sums = {name: add_processes(x) for name, x in sorted(self.tensors.items())}
        loss, count = sums["loss"].tolist() if "loss" in sums else (float("nan"), 1.0)
        return loss / count, self.objective.score(sums["sums"])


def add_processes(x: Tensor) -> Tensor:
    """The sum of a tensor over all processes of the run; all of them must call this."""
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        x = x.clone()
        distributed.all_reduce(x)
    return x
