"""What the layers with a diagonal state matrix share: S4D, DSS and DLR."""

from __future__ import annotations

import torch
from torch import Tensor

from ssm_lib import discretize, kernels
from ssm_lib.layers.base import SSMLayer


class DiagonalLayer(SSMLayer):
    """A layer whose state obeys x_k = a x_{k-1} + B_bar u_k mode by mode, with y = Re(W x) + D u.

    Subclasses supply `_discrete` and `_weights`; W holds the factor 2 of models that keep one of
    each conjugate pair. Modes are complex, unless `real_modes`: then states have no last dimension of 2.
    """

    real_modes: bool = False
    modes: int

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor]:
        """log a and B_bar, each (N,) or (H, N), in double precision."""
        raise NotImplementedError

    def _weights(self, rate: float) -> Tensor:
        """W, (H, N) or (2, H, N), in double precision."""
        raise NotImplementedError

    def _kernel(self, length: int, rate: float) -> Tensor:
        log_a, B_bar = self._discrete(rate)
        return kernels.vandermonde(log_a, self._narrow(self._weights(rate) * B_bar), length)

    def initial_state(self, batch: int) -> Tensor:
        """The zero state: (B, H, modes, 2); (B, H, modes) if the modes are real."""
        shape = (batch, self.d_model, self.modes, *(() if self.real_modes else (2,)))
        return torch.zeros(shape, dtype=self.compute_dtype, device=self.D.device)

    def _advance(self, u: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        # Coefficients in float64: an eigenvalue rounded to float32 drifts by 1e-3 in 16k steps.
        log_a, B_bar = self._discrete(rate)
        x = torch.exp(log_a) * self._complex(state) + B_bar * u[..., None]  # (B, H, N)
        if self.real_modes:
            x = (
                x.real
            )  # bilinear takes the logarithm of a negative a through complex numbers
        return (self._weights(rate) * x).sum(-1).real.to(u.dtype), self._stored(x)

    def _free_response(self, state: Tensor, length: int, rate: float) -> Tensor:
        log_a, _ = self._discrete(rate)
        w = self._weights(rate) * torch.exp(log_a) * self._complex(state)  # (B, H, N)
        return kernels.vandermonde(log_a, self._narrow(w), length)

    def _final_state(
        self, u: Tensor, state: Tensor | None, lengths: Tensor | None, rate: float
    ) -> Tensor:
        log_a, B_bar = self._discrete(rate)
        batch, _, L = u.shape
        steps = torch.full((batch,), L, device=u.device) if lengths is None else lengths
        x = B_bar * kernels.vandermonde_transpose(
            log_a, end_aligned(u, lengths)
        )  # (B, H, N)
        if state is not None:
            x = x + torch.exp(log_a * steps[:, None, None]) * self._complex(state)
        return self._stored(x)

    def _complex(self, x: Tensor) -> Tensor:
        """A stored tensor in double precision, as complex numbers unless the modes are real."""
        x = x.double()
        return x if self.real_modes else torch.complex(x[..., 0], x[..., 1])

    def _stored(self, x: Tensor) -> Tensor:
        """The stored form of a state."""
        if self.real_modes:
            return (x.real if x.is_complex() else x).to(self.compute_dtype)
        return torch.view_as_real(x).to(self.compute_dtype)

    def _narrow(self, w: Tensor) -> Tensor:
        return w if self.compute_dtype == torch.float64 else discretize.to_single(w)


def end_aligned(u: Tensor, lengths: Tensor | None) -> Tensor:
    """Sequences (B, H, L), zero beyond their lengths, shifted so that all end at the last step."""
    if lengths is None:
        return u
    L = u.shape[-1]
    shifted = (torch.arange(L, device=u.device) + lengths[:, None]) % L  # (B, L)
    return u.gather(2, shifted[:, None].expand_as(u))
