"""S4: a diagonal plus low-rank system per channel (Gu, Goel, Re 2022).

Symbol      Meaning                                                Where in the paper
Lambda      diagonal, one of each conjugate pair                   Theorem 1, Section 3.4
P           low-rank factor, A = Lambda - P P*                     Section 3.4 (there P and Q)
B, C        input and output weights in the eigenbasis             Section 3.4
dt          step, one per channel                                  Section 2.3
K           kernel C A_bar^l B_bar, bilinear                       Section 2.4

The layer stores C, never the truncated C (I - A_bar^L): it is free of any length.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import hippo, kernels, validate
from ssm_lib.layers.dense import DenseLayer

INITS = ("legs", "legt", "fourier")
SLOWEST = 1e-4  # least decay at the start: the normal parts of legt and fourier have none


class S4(DenseLayer):
    """Structured state space layer, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Real state size N, even: N/2 complex modes and a correction of rank 1 (2 for legt).
    init
        ``"legs"``, ``"legt"`` or ``"fourier"``: a measure of `ssm_lib.hippo.nplr`.
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial step.

    Parameters of the module (real; a last dimension of 2 is a complex number): `log_neg_re` and
    `imag` (H, N/2) with Lambda = -exp(log_neg_re) + i imag, `P` (r, H, N/2, 2), `B` (H, N/2, 2), `C`
    (H, N/2, 2) or (2, H, N/2, 2), `log_dt` and `D` (H,). With Re Lambda < 0 the matrix Lambda - P P*
    is stable whatever P is. The state is [Re x, Im x], (B, H, N).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here.

    Equation: eq-s4-step (Gu et al. 2022, S4, App. C.2; Goel et al. 2022 for Q = P)
    """

    slow_parameters = ("log_neg_re", "imag", "P", "B", "log_dt")

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        init: str = "legs",
        bidirectional: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.init = validate.one_of("init", init, INITS)
        validate.positive_int("d_state", d_state, even=True)
        Lambda, P, B, _ = hippo.nplr(init, d_state)

        def copies(x: Tensor) -> nn.Parameter:  # (..., N/2, *) -> (..., H, N/2, *)
            return nn.Parameter(x.to(torch.get_default_dtype()).contiguous())

        H, n = d_model, d_state // 2
        self.log_neg_re = copies(torch.log((-Lambda.real).clamp_min(SLOWEST)).expand(H, n))
        self.imag = copies(Lambda.imag.expand(H, n))
        self.P = copies(torch.view_as_real(P)[:, None].expand(-1, H, n, 2))
        self.B = copies(torch.view_as_real(B).expand(H, n, 2))
        directions = (2,) if bidirectional else ()
        self.C = nn.Parameter(
            torch.randn(*directions, H, n, 2) * math.sqrt(0.5)
        )  # E|c|^2 = 1
        self.log_dt = nn.Parameter(torch.log(hippo.initial_dt((H,), dt_min, dt_max)))

    def eigenvalues(self) -> Tensor:
        """Lambda (H, N/2), complex128: the diagonal part."""
        return torch.complex(-torch.exp(self.log_neg_re.double()), self.imag.double())

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, init={self.init!r}"

    def _system(self) -> kernels.RealSystem:
        P, B, C = (_complex(x) for x in (self.P, self.B, self.C))
        A, one = self.eigenvalues(), C if C.ndim == 2 else C[0]
        system = kernels.real_form(A, P, B, one, P)
        return system._replace(C=2 * torch.cat([C.real, -C.imag], dim=-1))

    def _advance(self, u: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        """(I - dt/2 A) x = (I + dt/2 A) x_before + dt B u in O(N) operations."""
        P, B, C = (_complex(x) for x in (self.P, self.B, self.C))
        half = (torch.exp(self.log_dt.double()) * rate / 2)[:, None]  # (H, 1)
        A = self.eigenvalues()
        x = torch.complex(*state.double().unflatten(-1, (2, -1)).unbind(-2))  # (B, H, N/2)

        def project(x: Tensor) -> Tensor:  # Re(P_r* x), (B, H, r)
            return torch.einsum("rhn,bhn->bhr", P.conj(), x).real

        def correct(s: Tensor) -> Tensor:  # sum_r P_r s_r, (B, H, N/2)
            return torch.einsum("rhn,bhr->bhn", P, s.to(P.dtype))

        inverse = 1 / (1 - half * A)
        x = x + half * (A * x - 2 * correct(project(x))) + 2 * half * B * u[..., None]
        PDP = torch.einsum("rhn,hn,shn->hrs", P.conj(), inverse, P).real
        capacity = 2 * half[..., None] * PDP
        eye = torch.eye(len(P), dtype=capacity.dtype, device=capacity.device)
        s = torch.linalg.solve(eye + capacity, project(inverse * x)[..., None])[..., 0]
        x = inverse * (x - 2 * half * correct(s))
        y = 2 * (C * x).sum(-1).real
        return y.to(u.dtype), torch.cat([x.real, x.imag], dim=-1).to(self.compute_dtype)


def _complex(x: Tensor) -> Tensor:
    return torch.complex(x[..., 0].double(), x[..., 1].double())
