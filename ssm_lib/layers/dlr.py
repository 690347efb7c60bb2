"""DLR: diagonal linear RNNs, with no differential equation behind them (Gupta, Mehta, Berant 2022).

Symbol      Meaning                                                Part of the paper
Lambda      log of the transition, -theta^2 + i phi, (N,), shared  parameterization
W           output weights, one row per channel                    parameterization
K           Re sum_n W_n e^{Lambda_n l}                            kernel

N (`d_state`) counts complex modes, many of them (the paper takes 1024 or 4096); no factor 2, no step.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import hippo, kernels, validate
from ssm_lib.layers.diagonal import DiagonalLayer

OUTPUTS = {"real": 1, "imag": -1j, "sum": 1 - 1j}  # Re(factor z): Re z, Im z, Re z + Im z


class DLR(DiagonalLayer):
    """Diagonal linear RNN, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Complex modes N, shared by the channels. With N >= L modes any kernel of length L is possible.
    output
        How the complex kernel k becomes real: ``"real"``, ``"imag"``, ``"sum"`` (Re k + Im k) or
        ``"prod"`` (Re k Im k = Im(k^2)/2, whose modes are all sums of two: there is no recurrence of
        N modes for it, so no steps and no state).
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial decay: Re Lambda = -dt/2 per step, dt log-uniform.

    `rate` multiplies Lambda and the input, as if the sum over steps were an integral. Lambda is known up to
    multiples of 2 pi i only: another rate means nothing for modes that turn by more than pi per step.

    Parameters of the module (real): `theta` and `imag` (N,), `W` (H, N, 2) or (2, H, N, 2), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here; on a state or a step with output="prod".

    Equation: eq-dlr, eq-dlr-modes, eq-dlr-prod (Gupta et al. 2022, DLR)
    """

    slow_parameters = ("theta", "imag", "W")

    def __init__(
        self,
        d_model: int,
        d_state: int = 1024,
        output: str = "real",
        bidirectional: bool = False,
        dt_min: float = 1e-4,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.output = validate.one_of("output", output, (*OUTPUTS, "prod"))
        self.modes = d_state
        decay = hippo.initial_dt((d_state,), dt_min, dt_max) / 2
        self.theta = nn.Parameter(torch.sqrt(decay))
        phase = 2 * math.pi * torch.arange(d_state, dtype=torch.float64) / d_state
        self.imag = nn.Parameter(phase.to(torch.get_default_dtype()))
        directions = (2,) if bidirectional else ()
        self.W = nn.Parameter(torch.randn(*directions, d_model, d_state, 2) / d_state)

    def eigenvalues(self) -> Tensor:
        """Lambda (N,), complex128: the logarithm of the transition, per step."""
        return torch.complex(-self.theta.double().square(), self.imag.double())

    def _kernel(self, length: int, rate: float) -> Tensor:
        if self.output != "prod":
            return super()._kernel(length, rate)
        log_a, gain = self._discrete(rate)
        w = self._narrow(self._complex(self.W))
        return gain[0].real.to(self.compute_dtype) * (
            kernels.vandermonde(log_a, w, length)
            * kernels.vandermonde(log_a, -1j * w, length)
        )

    def _check_use(self, with_state: bool, with_lengths: bool, rate: float) -> None:
        if with_state:
            self._weights(rate)  # says so if there is no recurrence

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, output={self.output!r}"

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor]:
        log_a = self.eigenvalues() * rate
        return log_a, torch.full_like(log_a, rate)

    def _weights(self, rate: float) -> Tensor:
        if self.output == "prod":
            raise ValueError(
                "DLR with output='prod' has no recurrence of N modes: call it on whole sequences, "
                "without state, or take output='real', 'imag' or 'sum'"
            )
        return OUTPUTS[self.output] * self._complex(self.W)
