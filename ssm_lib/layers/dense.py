"""What the layers with a full state matrix share: LSSL, and S4 through its real form."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import discretize, kernels
from ssm_lib.layers.base import SSMLayer
from ssm_lib.layers.diagonal import end_aligned


class DenseLayer(SSMLayer):
    """A layer with a real system of N states per channel, discretized by the bilinear transform.

    Subclasses supply `_system`. States are (B, H, N); everything is computed in float64.
    """

    log_dt: Tensor

    def _system(self) -> kernels.RealSystem:
        """A (N, N) or (H, N, N), B (N,) or (H, N), C (H, N) or (2, H, N), in float64."""
        raise NotImplementedError

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor, Tensor]:
        """A_bar (H, N, N), B_bar (H, N) and C."""
        A, B, C = self._system()
        dt = torch.exp(self.log_dt.double()) * rate
        return *discretize.dense(A, B, dt, "bilinear"), C

    def _kernel(self, length: int, rate: float) -> Tensor:
        return kernels.krylov(*self._discrete(rate), length, self.compute_dtype)

    def initial_state(self, batch: int) -> Tensor:
        """The zero state (B, H, N)."""
        shape = (batch, self.d_model, self.d_state)
        return torch.zeros(shape, dtype=self.compute_dtype, device=self.D.device)

    def _advance(self, u: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        A_bar, B_bar, C = self._discrete(rate)
        x = torch.einsum("hmn,bhn->bhm", A_bar, state.double()) + B_bar * u[..., None]
        return (C * x).sum(-1).to(u.dtype), x.to(self.compute_dtype)

    def _free_response(self, state: Tensor, length: int, rate: float) -> Tensor:
        A_bar, _, C = self._discrete(rate)
        x = torch.einsum("hmn,bhn->bhm", A_bar, state.double())
        return kernels.krylov(A_bar, x, C, length, self.compute_dtype)

    def _final_state(
        self, u: Tensor, state: Tensor | None, lengths: Tensor | None, rate: float
    ) -> Tensor:
        A_bar, B_bar, _ = self._discrete(rate)
        x = kernels.krylov_transpose(A_bar, B_bar, end_aligned(u, lengths))  # (B, H, N)
        if state is not None:
            L = u.shape[-1]
            steps = (
                torch.full((len(u),), L, device=u.device) if lengths is None else lengths
            )
            free, power = state.double(), A_bar
            for bit in range(L.bit_length()):  # A_bar^steps by its binary digits
                moved = torch.einsum("hmn,bhn->bhm", power, free)
                free = torch.where((steps >> bit & 1).bool()[:, None, None], moved, free)
                power = power @ power
            x = x + free
        return x.to(self.compute_dtype)
