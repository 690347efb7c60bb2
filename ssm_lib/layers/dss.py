"""DSS: diagonal is enough (Gupta, Gu, Berant 2022).

Symbol      Meaning                                                Part of the paper
Lambda      N complex eigenvalues, shared by the channels          parameterization
W           output weights (B and C in one), one row per channel   parameterization
dt          step, one per channel                                  parameterization
K, exp      W (e^{dt Lambda} - 1)/Lambda e^{dt Lambda l}           DSS-exp
K, softmax  W/Lambda softmax_l(dt Lambda l)                        DSS-softmax

N (`d_state`) counts complex modes without a conjugate partner: y = Re(...), no factor 2.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import discretize, hippo, kernels, validate
from ssm_lib.layers.diagonal import DiagonalLayer

VARIANTS = ("exp", "softmax")
INITS = ("skew", "lin")


def initial_eigenvalues(init: str, N: int) -> Tensor:
    """Eigenvalues that DSS starts from.

    Parameters
    ----------
    init
        ``"skew"`` (Skew-HiPPO): the N eigenvalues with positive imaginary part of the normal part of
        LegS of size 2N. ``"lin"``: -1/2 + i pi n.
    N
        Number of complex modes.

    Returns
    -------
    Lambda : Tensor (N,), complex128

    Raises
    ------
    ValueError, TypeError
        If init is unknown or N is not a positive int.

    Equation: eq-dss-inits (Gupta et al. 2022, DSS; lin: the code of Gupta et al. 2022, DLR)
    """
    validate.one_of("init", init, INITS)
    validate.positive_int("d_state", N)
    if init == "skew":
        return hippo.nplr("legs", 2 * N)[0]
    imag = math.pi * torch.arange(N, dtype=torch.float64)
    return torch.complex(torch.full_like(imag, -0.5), imag)


class DSS(DiagonalLayer):
    """Diagonal state space layer with one set of eigenvalues, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Complex modes N, shared by the channels.
    variant
        ``"exp"``: Re Lambda < 0 by construction. ``"softmax"``: Lambda is free; a mode with
        Re Lambda > 0 attends to the far past.
    init
        ``"skew"`` or ``"lin"``: see `initial_eigenvalues`.
    length
        For ``"softmax"`` only: the number of steps over which its kernel is normalized. Without it
        every call normalizes over its own input, as in the paper; then a kernel of another length is
        another kernel, and there is no recurrence to step through.
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial step.

    Parameters of the module (real): `log_neg_re` (exp) or `re` (softmax) and `imag` (N,), `W`
    (H, N, 2) or (2, H, N, 2), `log_dt` (H,), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here; from `step` and wherever a state or `lengths` is
        involved, if a softmax layer has no `length`.

    Equation: eq-dss-exp, eq-dss-softmax (Gupta et al. 2022, DSS)
    """

    slow_parameters = ("log_neg_re", "re", "imag", "log_dt", "W")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        variant: str = "softmax",
        init: str = "skew",
        length: int | None = None,
        bidirectional: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.variant = validate.one_of("variant", variant, VARIANTS)
        if length is not None:
            validate.positive_int("length", length)
            if variant == "exp":
                raise ValueError(f"length={length} belongs to variant 'softmax', got 'exp'")
        self.init, self.length, self.modes = init, length, d_state
        Lambda = initial_eigenvalues(init, d_state)
        kind = torch.get_default_dtype()
        if variant == "exp":
            self.log_neg_re = nn.Parameter(torch.log(-Lambda.real).to(kind))
        else:
            self.re = nn.Parameter(Lambda.real.to(kind))
        self.imag = nn.Parameter(Lambda.imag.to(kind))
        self.log_dt = nn.Parameter(torch.log(hippo.initial_dt((d_model,), dt_min, dt_max)))
        directions = (2,) if bidirectional else ()
        self.W = nn.Parameter(torch.randn(*directions, d_model, d_state, 2))

    def eigenvalues(self) -> Tensor:
        """Lambda (N,), complex128."""
        real = (
            -torch.exp(self.log_neg_re.double())
            if self.variant == "exp"
            else self.re.double()
        )
        return torch.complex(real, self.imag.double())

    def _kernel(self, length: int, rate: float) -> Tensor:
        """The first L samples of the layer's own length, if it has one; else the kernel of length L."""
        dt = torch.exp(self.log_dt.double()) * rate
        W, A = self._narrow(self._complex(self.W)), self._narrow(self.eigenvalues())
        whole = length if self.length is None else self._normalized_length(rate)
        if length > whole:
            raise ValueError(
                f"the softmax of this layer is over {whole} steps, got a sequence of {length}"
            )
        if not self.bidirectional:
            return kernels.dss(A, W, dt, whole, self.variant)[..., :length]
        both = [kernels.dss(A, w, dt, whole, self.variant)[..., :length] for w in W]
        return torch.stack(both)

    def _check_use(self, with_state: bool, with_lengths: bool, rate: float) -> None:
        if self.variant == "softmax" and (with_state or with_lengths):
            self._normalized_length(rate)  # says so if there is none

    def extra_repr(self) -> str:
        settings = f"variant={self.variant!r}, init={self.init!r}, length={self.length}"
        return f"{super().extra_repr()}, {settings}"

    def _normalized_length(self, rate: float) -> int:
        """Steps of the softmax: those that cover the layer's length at this rate."""
        if self.length is None:
            raise ValueError(
                "the kernels of DSS softmax depend on the length of the sequence: for steps, states "
                "and lengths the layer must know the one it was trained at, DSS(..., length=L)"
            )
        return max(1, round(self.length / rate))

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor]:
        z = (torch.exp(self.log_dt.double()) * rate)[:, None] * self.eigenvalues()  # (H, N)
        return z, torch.ones_like(z)

    def _weights(self, rate: float) -> Tensor:
        z, _ = self._discrete(rate)
        W = self._complex(self.W)
        if self.variant == "exp":
            dt = torch.exp(self.log_dt.double()) * rate
            return W * dt[:, None] * discretize.expm1_ratio(z)
        L = self._normalized_length(rate)
        grows = (
            z.real > 0
        )  # as in kernels.dss: sum_j exp(z j) = exp(z (L-1)) sum_j exp(-z j)
        decay = torch.where(grows, -z, z)
        w = W / self.eigenvalues() * discretize.expm1_ratio(decay)
        w = w / (L * discretize.expm1_ratio(L * decay))
        return w * torch.where(grows, torch.exp(decay * (L - 1)), 1)
