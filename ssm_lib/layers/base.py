"""What every layer has in common: the contract, its checks, and the sequence around the kernel."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ssm_lib import conv, validate


class SSMLayer(nn.Module):
    """A linear sequence-to-sequence map (B, L, H) -> (B, L, H): one state space model per channel.

    Subclasses supply `_kernel`, `initial_state` and the three ways a state enters: `_advance`,
    `_free_response`, `_final_state`. A layer without a kernel supplies `_respond` in place of the last
    two. Everything else, and every error message, is here, so that all models keep one contract.
    Parameters and states are real; a complex number is a last dimension of 2.

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        State size N per channel.
    bidirectional
        Read the sequence in both directions: a second kernel acts on the future, from the next input on.
    """

    # Names of the parameters that shape the kernel (Lambda, dt, B): trained slowly, never decayed.
    slow_parameters: tuple[str, ...] = ("log_neg_re", "imag", "log_dt", "B")
    # Whether `forward` and `step` take dt, an interval for each step.
    per_step_dt: bool = False
    # Whether they take reset, the steps at which the state is forgotten.
    per_step_reset: bool = False

    def __init__(self, d_model: int, d_state: int, bidirectional: bool) -> None:
        super().__init__()
        self.d_model = validate.positive_int("d_model", d_model)
        self.d_state = validate.positive_int("d_state", d_state)
        self.bidirectional = validate.flag("bidirectional", bidirectional)
        self.D = nn.Parameter(torch.randn(d_model))

    def kernel(self, length: int, rate: float = 1.0) -> Tensor:
        """Convolution kernel (H, L), or (2, H, L) if bidirectional: first the past, then the future.

        Parameters
        ----------
        length
            Number of samples L.
        rate
            As in `forward`.

        Returns
        -------
        K : Tensor, real, float32 or float64.

        Raises
        ------
        TypeError, ValueError
            If length is not a positive int, or rate not a positive number.
        NotImplementedError
            If the layer is not a convolution of each channel with itself.

        Equation: eq-rate
        """
        validate.positive_int("length", length)
        self._check(rate)
        return self._kernel(length, rate)

    def _kernel(self, length: int, rate: float) -> Tensor:
        """What `kernel` returns, for arguments that are checked."""
        raise NotImplementedError(
            f"{type(self).__name__} has no kernel (H, L), one per channel: call the layer, or `step`"
        )

    def initial_state(self, batch: int) -> Tensor:
        """The zero state of a batch of sequences."""
        raise NotImplementedError

    def _advance(self, u: Tensor, state: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        """One step: (B, H), state -> C x (B, H), new state."""
        raise NotImplementedError

    def _free_response(self, state: Tensor, length: int, rate: float) -> Tensor:
        """Output (B, H, L) that a state produces with no further input."""
        raise NotImplementedError

    def _final_state(
        self, u: Tensor, state: Tensor | None, lengths: Tensor | None, rate: float
    ) -> Tensor:
        """State after the last input of each sequence; u (B, H, L) is zero beyond its length."""
        raise NotImplementedError

    def forward(
        self,
        u: Tensor,
        state: Tensor | None = None,
        lengths: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
        return_state: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Apply the layer to whole sequences: layers with a kernel convolve, S5 scans.

        That is the rule because no other way was clearly faster. Chunks with a carried state, all as
        matrix products (S4D on two CPU cores, float32, forward), took 1.5 times as long as kernel and FFT
        at B=8, H=128, L=16384, N=64, and 1.3 times at N=4; at L=128, and at L=1024 with N=16, both ways
        took about the same. One exception is left out: a single sequence of L=262144, H=16, which the
        chunks did in half the time. Token by token, `step` is the recurrence.

        Parameters
        ----------
        u : Tensor (B, L, H), real, in the dtype of the parameters (half precision is accepted: the
            computation is in float32, the result in the dtype of u).
        state : Tensor, optional
            What an earlier call returned for the preceding chunk; as `initial_state(B)`.
        lengths : (B,) ints in 1 .. L, optional
            Lengths of sequences padded at their end. The outputs beyond are zero, and the others are
            what each sequence alone would give.
        rate
            Ratio of the sampling interval to the one trained at: 2 for every second sample.
        return_state
            Return also the state after the last input (of each sequence).

        Returns
        -------
        y : Tensor (B, L, H), or (y, state)

        Raises
        ------
        TypeError
            If u is not a real floating-point tensor of a suitable dtype.
        ValueError
            If a shape, a length, the rate or a parameter is not valid, or a state is asked of a
            bidirectional layer.

        Equation: eq-ssm (Gu et al. 2022, S4, Section 2.1)
        """
        x, state, lengths = self._enter(u, state, lengths, rate, return_state)
        y, last = self._respond(x, state, lengths, rate, return_state)
        return self._leave(u, lengths, y, last)

    def step(
        self, u_t: Tensor, state: Tensor | None, rate: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Apply the layer to one input of each sequence, as a recurrence.

        Parameters
        ----------
        u_t : Tensor (B, H)
        state : Tensor or None
            The state before this input; None is the zero state.
        rate
            As in `forward`.

        Returns
        -------
        y_t : Tensor (B, H)
        state : Tensor, the state after this input. The one passed in is left unchanged.

        Raises
        ------
        TypeError, ValueError
            As `forward`.

        Equation: eq-recurrence (Gu et al. 2022, S4, Section 2.3)
        """
        u, state = self._enter_step(u_t, state, rate)
        y, state = self._advance(u, state, rate)
        return (y + self.D * u).to(u_t.dtype), state

    @property
    def compute_dtype(self) -> torch.dtype:
        """dtype of kernels, states and convolutions: float64 if the parameters are, else float32."""
        return torch.float64 if self.D.dtype == torch.float64 else torch.float32

    def extra_repr(self) -> str:
        return f"d_model={self.d_model}, d_state={self.d_state}, bidirectional={self.bidirectional}"

    def _respond(
        self,
        x: Tensor,
        state: Tensor | None,
        lengths: Tensor | None,
        rate: float,
        return_state: bool,
    ) -> tuple[Tensor, Tensor | None]:
        """Output C x + D u (B, H, L) of an input (B, H, L), and the last state if it is asked for."""
        L = x.shape[-1]
        K = self._kernel(L, rate)
        # D as part of the tap at 0: a product and a sum of the size of u are two more passes over memory.
        skip = nn.functional.pad(self.D.to(K.dtype)[:, None], (0, L - 1))  # (H, L)
        if self.bidirectional:
            y = conv.bidirectional(x, K[0] + skip, K[1])
        else:
            y = conv.causal(x, K + skip)
        if state is not None:
            y = y + self._free_response(state, L, rate)
        return y, self._final_state(x, state, lengths, rate) if return_state else None

    def _enter(
        self,
        u: Tensor,
        state: Tensor | None,
        lengths: Sequence[int] | Tensor | None,
        rate: float,
        return_state: bool,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """The checked arguments of `forward`; the input as (B, H, L), zero beyond each length."""
        validate.real_input("u", u, "B L H", {"H": self.d_model}, self.D)
        validate.flag("return_state", return_state)
        self._check(rate)
        if self.bidirectional and (state is not None or return_state):
            raise ValueError(
                "a bidirectional layer reads the future and has no state to carry; "
                "use bidirectional=False, or leave out state and return_state"
            )
        self._check_use(state is not None or return_state, lengths is not None, rate)
        B, L, _ = u.shape
        state = self._check_state(state, B)
        x = u.to(self.compute_dtype).transpose(1, 2)  # (B, L, H) -> (B, H, L)
        if lengths is None:
            return x, state, None
        lengths = validate.lengths(lengths, B, L, u.device)
        return torch.where(_within(lengths, L)[:, None], x, 0), state, lengths

    def _leave(
        self, u: Tensor, lengths: Tensor | None, y: Tensor, last: Tensor | None
    ) -> Tensor | tuple[Tensor, Tensor]:
        """What `forward` returns: y (B, H, L) in the layout and dtype of u, zero beyond each length."""
        if lengths is not None:
            y = torch.where(_within(lengths, y.shape[-1])[:, None], y, 0)
        y = y.transpose(1, 2).to(u.dtype)  # (B, L, H)
        return y if last is None else (y, last)

    def _enter_step(
        self, u_t: Tensor, state: Tensor | None, rate: float
    ) -> tuple[Tensor, Tensor]:
        """The checked arguments of `step`: input (B, H) and state."""
        validate.real_input("u_t", u_t, "B H", {"H": self.d_model}, self.D)
        self._check(rate)
        if self.bidirectional:
            raise ValueError(
                "a bidirectional layer needs the future: it cannot run step by step"
            )
        state = self._check_state(state, u_t.shape[0])
        if state is None:
            state = self.initial_state(u_t.shape[0])
        return u_t.to(self.compute_dtype), state

    def _check(self, rate: float) -> None:
        validate.rate(rate)
        for name, parameter in self.named_parameters():
            validate.finite(f"{type(self).__name__}.{name}", parameter)

    def _check_use(self, with_state: bool, with_lengths: bool, rate: float) -> None:
        """Raise ValueError if the layer, as it is set up, has no meaning for a state or for lengths."""

    def _check_state(self, state: Tensor | None, batch: int) -> Tensor | None:
        if state is None:
            return None
        if not isinstance(state, Tensor):
            raise TypeError(
                f"state must be a torch.Tensor or None, got {type(state).__name__}"
            )
        zero = self.initial_state(batch)
        if state.shape != zero.shape:
            raise ValueError(
                f"state must have shape {tuple(zero.shape)}, got {tuple(state.shape)}"
            )
        if state.dtype != zero.dtype:
            raise TypeError(f"state must have dtype {zero.dtype}, got {state.dtype}")
        validate.on_device("state", state, zero)
        return state


def _within(lengths: Tensor, length: int) -> Tensor:
    """Which steps lie inside the sequences: (B,) -> (B, L), bool."""
    return torch.arange(length, device=lengths.device) < lengths[:, None]
