"""S4D: a diagonal state space model per channel (Gu, Gupta, Goel, Re 2022).

Symbol      Meaning                                                Part of the paper
Lambda      eigenvalues, one of each conjugate pair (imag >= 0)    initialization
B, C        input and output weights in the eigenbasis             parameterization
dt          step, one per channel, log-uniform at the start        parameterization
K           kernel, 2 Re sum_n C_n B_bar_n A_bar_n^l               kernel, its "two lines"

N (`d_state`) is the real state size: N/2 complex modes, or N real ones for init="real". With init="ptd"
(Yu et al. 2024) there are (N + r)/2 complex modes, r of which start real: see `ssm_lib.hippo.ptd`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import discretize, hippo, validate
from ssm_lib.layers.diagonal import DiagonalLayer

LAWS = ("legs", "lin", "inv", "real")
INITS = (*LAWS, "ptd")
METHODS = ("zoh", "bilinear")


def initial_eigenvalues(init: str, N: int) -> tuple[Tensor, Tensor]:
    """Eigenvalues and input weights that S4D starts from.

    Parameters
    ----------
    init
        ``"legs"``: normal part of HiPPO-LegS, with B = V* B. ``"lin"``: -1/2 + i pi n. ``"inv"``:
        -1/2 + i (N/pi) (N/(2n+1) - 1). ``"real"``: -(n+1). B = 1 for these three. ``"ptd"``: those of
        HiPPO-LegS plus a small matrix, by `ssm_lib.hippo.ptd`.
    N
        Real state size; even but for ``"real"`` and ``"ptd"``.

    Returns
    -------
    Lambda : Tensor (N/2,), complex128, n = 0 .. N/2-1; for ``"real"`` (N,), float64; for ``"ptd"``
        ((N+r)/2,), complex128, of which r are real.
    B : Tensor of the same shape and dtype.

    Raises
    ------
    ValueError, TypeError
        If init is unknown or N is not a positive (even) int.

    Equation: eq-s4d-inits (Gu et al. 2022, S4D)
    """
    validate.one_of("init", init, INITS)
    validate.positive_int("d_state", N, even=init not in ("real", "ptd"))
    if init == "ptd":
        Lambda, B, _, _ = hippo.ptd("legs", N)
        return Lambda, B
    if init == "legs":
        Lambda, _, B, _ = hippo.nplr("legs", N)
        return Lambda, B
    if init == "real":
        Lambda = -torch.arange(1, N + 1, dtype=torch.float64)
        return Lambda, torch.ones_like(Lambda)
    n = torch.arange(N // 2, dtype=torch.float64)
    imag = math.pi * n if init == "lin" else N / math.pi * (N / (2 * n + 1) - 1)
    Lambda = torch.complex(torch.full_like(n, -0.5), imag)
    return Lambda, torch.ones_like(Lambda)


class S4D(DiagonalLayer):
    """Diagonal state space layer, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Real state size N per channel: M = N/2 complex modes (N real ones for init="real").
    init
        ``"legs"``, ``"lin"``, ``"inv"``, ``"real"`` or ``"ptd"``: see `initial_eigenvalues`. For
        ``"ptd"`` C is drawn in the coordinates of HiPPO, real, and multiplied by V: its eigenvectors are
        nearly dependent, and independent weights would not cancel. It has M = (N + r)/2 modes, r of which
        start with imaginary part 0 and half a weight in B. They may become pairs in training.
    discretization
        ``"zoh"`` or ``"bilinear"``.
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial step. 1/dt is about the number of samples a channel remembers.

    Parameters of the module (all real; a last dimension of 2 is a complex number): `log_neg_re` and
    `imag` (H, M) with Lambda = -exp(log_neg_re) + i imag, `B` (H, M, 2), `C` (H, M, 2) or
    (2, H, M, 2), `log_dt` (H,), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here.

    Equation: eq-s4d-kernel (Gu et al. 2022, S4D)
    """

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        init: str = "legs",
        discretization: str = "zoh",
        bidirectional: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.discretization = validate.one_of("discretization", discretization, METHODS)
        Lambda, B = initial_eigenvalues(init, d_state)
        self.init = init
        self.real_modes, self.modes = not Lambda.is_complex(), len(Lambda)
        shape = (d_model, self.modes)
        self.log_neg_re = nn.Parameter(_copies(torch.log(-Lambda.real), shape))
        self.log_dt = nn.Parameter(torch.log(hippo.initial_dt((d_model,), dt_min, dt_max)))
        directions = (2,) if bidirectional else ()
        if Lambda.is_complex():
            self.imag = nn.Parameter(_copies(Lambda.imag, shape))
            self.B = nn.Parameter(_copies(torch.view_as_real(B), (*shape, 2)))
            if init == "ptd":  # E|c|^2 = 1 in both cases: the columns of V have length 1
                V = torch.view_as_real(hippo.ptd("legs", d_state)[2]).flatten(1)  # (N, 2M)
                C = torch.randn(*directions, d_model, d_state, dtype=torch.float64) @ V
                C = C.to(torch.get_default_dtype()).unflatten(-1, (-1, 2))
            else:
                C = torch.randn(*directions, *shape, 2) * math.sqrt(0.5)
            self.C = nn.Parameter(C)
        else:
            self.register_parameter("imag", None)
            self.B = nn.Parameter(_copies(B, shape))
            self.C = nn.Parameter(torch.randn(*directions, *shape))

    def eigenvalues(self) -> Tensor:
        """Lambda (H, M), complex128; (H, N), float64, for init="real"."""
        real = -torch.exp(self.log_neg_re.double())
        return real if self.imag is None else torch.complex(real, self.imag.double())

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, init={self.init!r}, discretization={self.discretization!r}"

    def _discrete(self, rate: float) -> tuple[Tensor, Tensor]:
        """log A_bar and B_bar, (H, M) in double precision."""
        dt = torch.exp(self.log_dt.double()) * rate
        return discretize.discrete_log(
            self.eigenvalues(), self._complex(self.B), dt, self.discretization
        )

    def _weights(self, rate: float) -> Tensor:
        return 2 * self._complex(self.C)


def _copies(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """One float32 copy of x per channel."""
    return x.to(torch.get_default_dtype()).expand(shape).clone()
