"""S5: one diagonal state space model for all channels, by a scan (Smith, Warrington, Linderman 2023).

Symbol      Meaning                                                Part of the paper
Lambda      P/2 eigenvalues, one of each conjugate pair (imag > 0) parameterization
B           (P/2, H), input weights in the eigenbasis: V* B        parameterization
C           (H, P/2), output weights in the eigenbasis: C V        parameterization
dt          step, one per state, log-uniform at the start          initialization
J           blocks of the initial HiPPO-N matrix (`s5_init`)       initialization
scan        x_k = A_bar x_{k-1} + B_bar u_k, in blocks             scan
reset       steps where an episode starts: there A_bar is 0        Lu et al. 2023

P (`d_state`) is the real state size of the whole layer, not of a channel. The original stores the
eigenvalues with negative imaginary part: conjugate B and C to compare.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssm_lib import discretize, hippo, scan, validate
from ssm_lib.layers.base import SSMLayer
from ssm_lib.layers.readout import readout
from ssm_lib.layers.s5_init import initial_output, initial_system

METHODS = ("zoh", "bilinear")
LARGEST_RE = -1e-4  # with clip_eigs


class S5(SSMLayer):
    """One diagonal state space model for all channels, (B, L, H) -> (B, L, H).

    It mixes the channels, so it has no kernel (H, L), and `kernel` says so.

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Real state size P of the layer: P/2 complex modes.
    blocks
        The state starts as J HiPPO-N blocks of size P/J, which must be even.
    c_init
        ``"trunc_standard_normal"``, ``"lecun_normal"`` or ``"complex_normal"``: see
        `ssm_lib.layers.s5_init`.
    discretization
        ``"zoh"`` or ``"bilinear"``.
    bidirectional
        Also read the future: the same Lambda and B run in both directions, and C has twice as many
        columns, first for the past. As in the paper, both states contain the current input, which so
        counts twice (the convolutional layers count it once).
    clip_eigs
        Bound the real parts of the eigenvalues by -1e-4, which keeps every mode stable; an eigenvalue
        beyond the bound gets no gradient. Without it training may make a mode unstable.
    dt_min, dt_max
        Range of the initial step, one per state. 1/dt is about the number of samples it remembers.
    init
        ``"legs"``: HiPPO-N blocks; ``"ptd"``: blocks of HiPPO-LegS plus a small matrix, with r real
        eigenvalues each (Yu et al. 2024). The layer then has (P + J r)/2 modes in place of P/2.

    Parameters of the module (all real; a last dimension of 2 is a complex number): `Lambda_re` and
    `Lambda_im` (P/2,), `B` (P/2, H, 2), `C` (H, P/2, 2) or (H, P, 2), `log_dt` (P/2,), `D` (H,).

    Raises
    ------
    ValueError, TypeError
        On an argument outside what is named here.

    Source: Smith et al. 2023, S5.
    """

    slow_parameters = ("Lambda_re", "Lambda_im", "log_dt", "B")
    per_step_dt = True
    per_step_reset = True

    def __init__(
        self,
        d_model: int,
        d_state: int = 64,
        blocks: int = 1,
        c_init: str = "complex_normal",
        discretization: str = "zoh",
        bidirectional: bool = False,
        clip_eigs: bool = False,
        dt_min: float = 0.001,
        dt_max: float = 0.1,
        init: str = "legs",
    ) -> None:
        super().__init__(d_model, d_state, bidirectional)
        self.discretization = validate.one_of("discretization", discretization, METHODS)
        self.blocks, self.c_init = blocks, c_init
        self.clip_eigs, self.init = validate.flag("clip_eigs", clip_eigs), init
        Lambda, B, V = initial_system(d_model, d_state, blocks, init)
        C = [initial_output(c_init, d_model, V, init) for _ in range(1 + bidirectional)]
        dtype = torch.get_default_dtype()
        self.Lambda_re = nn.Parameter(Lambda.real.to(dtype))
        self.Lambda_im = nn.Parameter(Lambda.imag.to(dtype))
        self.B = nn.Parameter(torch.view_as_real(B).to(dtype))
        self.C = nn.Parameter(torch.view_as_real(torch.cat(C, 1)).to(dtype))
        self.log_dt = nn.Parameter(
            torch.log(hippo.initial_dt((len(Lambda),), dt_min, dt_max))
        )

    def forward(
        self,
        u: Tensor,
        state: Tensor | None = None,
        lengths: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
        return_state: bool = False,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Apply the layer to whole sequences, by a scan.

        Parameters
        ----------
        u, state, lengths, rate, return_state
            As `ssm_lib.layers.base.SSMLayer.forward`.
        dt : Tensor (B, L), real and positive, optional
            For irregular samples: the time from the previous input to each, in units of the step
            trained at (it multiplies the layer's own dt, as `rate` does). Of a bidirectional layer the
            state that reads backwards waits for the time to the next input; at the last input, which
            has none, its own dt counts again.
        reset : Tensor (B, L), bool, optional
            True at the first step of each episode, if a sequence holds several one after the other. The
            multiplier of that step is 0, so the state before it (the one passed in too) is forgotten,
            and its own input counts: each episode gives what it would give alone. Of a bidirectional
            layer neither direction crosses the boundary. What is forgotten must be finite.

        Returns
        -------
        y : Tensor (B, L, H), or (y, state)

        Raises
        ------
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.forward`, and if dt has another shape, is not real
            floating point, or not positive and finite (looked up on CPU); if reset has another shape
            or device, or is not bool.

        Equation: eq-s5, eq-irregular (Smith et al. 2023, S5), eq-reset (Lu et al. 2023)
        """
        x, state, lengths = self._enter(u, state, lengths, rate, return_state)
        interval: float | Tensor = rate
        if dt is not None:
            interval = rate * validate.intervals(dt, u.shape[:2], lengths)
        if reset is not None:
            reset = validate.starts(reset, u.shape[:2], self.D)
        y, last = self._respond(x, state, lengths, interval, return_state, reset)
        return self._leave(u, lengths, y, last)

    def step(
        self,
        u_t: Tensor,
        state: Tensor | None,
        rate: float = 1.0,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Apply the layer to one input of each sequence, as a recurrence.

        Parameters
        ----------
        u_t, state, rate
            As `ssm_lib.layers.base.SSMLayer.step`.
        dt : Tensor (B,), real and positive, optional
            One column of the dt of `forward`.
        reset : Tensor (B,), bool, optional
            One column of the reset of `forward`.

        Returns
        -------
        y_t : Tensor (B, H)
        state : Tensor (B, P/2, 2), the state after this input.

        Raises
        ------
        TypeError, ValueError
            As `forward`.

        Source: Smith et al. 2023, S5.
        """
        u, state = self._enter_step(u_t, state, rate)
        interval: float | Tensor = rate
        if dt is not None:
            interval = rate * validate.intervals(dt, u_t.shape[:1])
        if reset is not None:
            reset = validate.starts(reset, u_t.shape[:1], self.D)
        y, state = self._advance(u, state, interval, reset)
        return (y + self.D * u).to(u_t.dtype), state

    def initial_state(self, batch: int) -> Tensor:
        """The zero state (B, P/2, 2)."""
        shape = (batch, len(self.Lambda_re), 2)
        return torch.zeros(shape, dtype=self.compute_dtype, device=self.D.device)

    def eigenvalues(self) -> Tensor:
        """Lambda (P/2,), complex128."""
        real = self.Lambda_re.double()
        if self.clip_eigs:
            real = real.clamp(max=LARGEST_RE)
        return torch.complex(real, self.Lambda_im.double())

    def extra_repr(self) -> str:
        return (
            f"{super().extra_repr()}, init={self.init!r}, blocks={self.blocks}, c_init={self.c_init!r}, "
            f"discretization={self.discretization!r}, clip_eigs={self.clip_eigs}"
        )

    def _respond(
        self,
        x: Tensor,
        state: Tensor | None,
        lengths: Tensor | None,
        rate: float | Tensor,
        return_state: bool,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        u = x.transpose(1, 2)  # (B, L, H): time before channels, as the scan has it
        A_bar, gain = self._discrete(rate)  # (P/2,), or per step (B, L, P/2)
        b = self._project(u, gain)  # B_bar u (B, L, P/2)
        x0 = None if state is None else torch.complex(state[..., 0], state[..., 1])
        past = states = scan.linear(_forget(A_bar, reset), b, x0)
        if self.bidirectional:
            ends = None if reset is None else _before(reset)
            if isinstance(rate, Tensor):
                A_bar, gain = self._discrete(_until_next(rate, lengths, ends))
                b = self._project(u, gain)
            future = scan.linear(_forget(A_bar, ends), b, reverse=True)
            states = torch.cat([past, future], dim=-1)  # (B, L, P)
        pairs, D = torch.view_as_real(states).flatten(-2), self.D.to(u.dtype)
        with torch.autocast(u.device.type, enabled=False):
            y = readout(pairs, self._output_matrix(), u, D).transpose(1, 2)  # (B, H, L)
        if not return_state:
            return y, None
        end = past.shape[1] - 1 if lengths is None else lengths - 1
        return y, torch.view_as_real(past[torch.arange(len(past), device=past.device), end])

    def _advance(
        self,
        u: Tensor,
        state: Tensor,
        rate: float | Tensor,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        A_bar, gain = self._discrete(rate)  # in float64: see S4D
        b = self._project(u, gain)
        x = _forget(A_bar, reset) * torch.complex(state[..., 0], state[..., 1]) + b
        state = torch.view_as_real(x).to(self.compute_dtype)  # (B, P/2, 2)
        with torch.autocast(u.device.type, enabled=False):
            return state.flatten(-2) @ self._output_matrix(), state

    def _discrete(self, rate: float | Tensor) -> tuple[Tensor, Tensor]:
        """A_bar and the gain B_bar / B, complex128: (P/2,); with an interval per step (..., P/2)."""
        dt = torch.exp(self.log_dt.double())
        dt = dt * (rate[..., None] if isinstance(rate, Tensor) else rate)
        Lambda = self.eigenvalues()
        return discretize.diagonal(Lambda, torch.ones_like(Lambda), dt, self.discretization)

    def _project(self, u: Tensor, gain: Tensor) -> Tensor:
        """B_bar u: (..., H) -> (..., P/2), complex, as one real matrix product."""
        B = torch.view_as_complex(self.B.to(self.compute_dtype))  # (P/2, H)
        constant = gain.ndim == 1
        if constant:
            B = (gain[:, None] * B).to(B.dtype)
        B = torch.view_as_real(B.T).flatten(1)  # (H, P), interleaved
        with torch.autocast(u.device.type, enabled=False):
            b = torch.view_as_complex((u @ B).unflatten(-1, (-1, 2)))
        return b if constant else gain.to(b.dtype) * b

    def _output_matrix(self) -> Tensor:
        """The real (P, H) whose product with states, flattened from (..., P/2, 2), is 2 Re(C x)."""
        C = self.C.to(self.compute_dtype)  # Re cx = Re c Re x - Im c Im x
        return torch.stack([2 * C[..., 0], -2 * C[..., 1]], dim=-1).flatten(1).T


def _forget(A_bar: Tensor, reset: Tensor | None) -> Tensor:
    """Multipliers (P/2,) or (..., P/2) that are 0 where reset (...) is True."""
    return A_bar if reset is None else torch.where(reset[..., None], 0, A_bar)


def _before(reset: Tensor) -> Tensor:
    """Last steps of episodes, (B, L): the step before each start."""
    return torch.nn.functional.pad(reset[:, 1:], (0, 1))


def _until_next(dt: Tensor, lengths: Tensor | None, ends: Tensor | None) -> Tensor:
    """Intervals (B, L) to the following input of each episode; the last one's own at its end."""
    following = torch.cat([dt[:, 1:], dt[:, -1:]], dim=1)
    if ends is not None:
        following = torch.where(ends, dt, following)
    if lengths is None:
        return following
    last = torch.arange(dt.shape[1], device=dt.device) == lengths[:, None] - 1
    return torch.where(last, dt, following)
