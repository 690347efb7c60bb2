"""LSSL: linear state space layers (Gu, Johnson, Goel, Saab, Dao, Rudra, Re 2021).

Symbol      Meaning                                                Where in the paper
A, B        one dense HiPPO system, shared by the channels         Sections 3 and 4
C, D        output weights, one row per channel                    Section 2
dt          step, one per channel                                  App. B.3
K           Krylov function, K_l = C A_bar^l B_bar                 Section 2
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ssm_lib import hippo, kernels, validate
from ssm_lib.layers.dense import DenseLayer


class LSSL(DenseLayer):
    """Linear state space layer with a dense state matrix, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        State size N.
    init
        Measure of `ssm_lib.hippo.transition`.
    trained
        Whether A, B and dt are trained (LSSL) or stay as they are (LSSL-fixed). A trained A is free:
        nothing keeps it stable. (The paper restricts it to a family of structured matrices.)
    bidirectional
        Also read the future, with output weights of its own.
    dt_min, dt_max
        Range of the initial step.

    Parameters of the module (buffers, if not trained): `A` (N, N), `B` (N,), `log_dt` (H,); `C` (H, N)
    or (2, H, N), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here.

    Equation: eq-lssl (Gu et al. 2021, LSSL, Section 2)
    """

    slow_parameters = ("A", "B", "log_dt")
    A: Tensor
    B: Tensor

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        init: str = "legs",
        trained: bool = False,
        bidirectional: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.init = validate.one_of("init", init, hippo.MEASURES)
        self.trained = validate.flag("trained", trained)
        A, B = hippo.transition(init, d_state)
        log_dt = torch.log(hippo.initial_dt((d_model,), dt_min, dt_max))
        for name, value in {"A": A, "B": B, "log_dt": log_dt}.items():
            value = value.to(torch.get_default_dtype())
            if trained:
                self.register_parameter(name, nn.Parameter(value))
            else:
                self.register_buffer(name, value)
        directions = (2,) if bidirectional else ()
        self.C = nn.Parameter(torch.randn(*directions, d_model, d_state))

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, init={self.init!r}, trained={self.trained}"

    def _system(self) -> kernels.RealSystem:
        return kernels.RealSystem(self.A.double(), self.B.double(), self.C.double())
