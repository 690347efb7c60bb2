"""The loss and the score of many batches, added on the device and read only when a row is due."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib.engine.objectives import Objective


class Tally:
    """Sums over batches, of this process; `total` adds those of all processes.

    Parameters
    ----------
    objective
        What is summed and how it is scored.
    """

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.tensors: dict[
            str, Tensor
        ] = {}  # loss: (2,) sum and count; sums: the objective's

    def add(self, outputs: Tensor, y: Tensor, loss: Tensor | None = None) -> None:
        """Add a batch: outputs and targets, and the loss where there is one; detached."""
        outputs = outputs.detach()
        new = {"sums": self.objective.sums(outputs, y)}
        if loss is not None:
            loss = loss.detach().double()
            new["loss"] = torch.stack([loss, torch.ones_like(loss)])
        for name, x in new.items():
            self.tensors[name] = self.tensors[name] + x if name in self.tensors else x

    def mean_loss(self) -> float:
        """Mean loss so far, of this process."""
        total, count = self.tensors["loss"].tolist()
        return total / count

    def total(self) -> tuple[float, float]:
        """Mean loss (nan without one) and score, over all processes; all of them must call this."""
        sums = {name: _add_processes(x) for name, x in sorted(self.tensors.items())}
        loss, count = sums["loss"].tolist() if "loss" in sums else (float("nan"), 1.0)
        return loss / count, self.objective.score(sums["sums"])


def _add_processes(x: Tensor) -> Tensor:
    from torch import distributed

    if distributed.is_available() and distributed.is_initialized():
        x = x.clone()
        distributed.all_reduce(x)
    return x
