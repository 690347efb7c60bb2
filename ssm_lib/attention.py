"""Attention in the place of a state space layer: the baseline that the state space papers compare with.

Its state is all that it has read: keys and values of every earlier step, or of the last two chunks if it is
local. The positions enter by rotation, so that only distances between steps matter.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ssm_lib import validate

ROTARY_BASE = 10000.0


class Attention(nn.Module):
    """Multi-head attention with rotary positions, (B, L, H) -> (B, L, H).

    Parameters
    ----------
    d_model
        Channels H.
    n_heads
        Number of heads; each has H / n_heads channels, an even number.
    bidirectional
        Whether a step sees the later ones too.
    chunk_size
        None: a step sees all others (that it may see). Else the sequence is cut into chunks of this many
        steps, and each attends to itself and the chunk before it (and, if bidirectional, the one after).

    Raises
    ------
    ValueError, TypeError
        On sizes that are no positive ints, or heads of an odd or broken number of channels.

    Source: Vaswani et al. 2017; Su et al. 2021 (rotary positions); DLR repository (learned scale, chunks)
    """

    per_step_dt = False

    def __init__(
        self,
        d_model: int,
        n_heads: int = 4,
        bidirectional: bool = False,
        chunk_size: int | None = None,
    ) -> None:
        super().__init__()
        self.d_model = validate.positive_int("d_model", d_model)
        self.n_heads = validate.positive_int("n_heads", n_heads)
        if d_model % (2 * n_heads):
            raise ValueError(
                f"each head needs an even number of channels for its rotations: got d_model={d_model}, "
                f"n_heads={n_heads}"
            )
        self.bidirectional = validate.flag("bidirectional", bidirectional)
        if chunk_size is not None:
            validate.positive_int("chunk_size", chunk_size)
        self.chunk_size = chunk_size
        self.inputs = nn.Linear(d_model, 3 * d_model)  # queries, keys, values
        self.output = nn.Linear(d_model, d_model)
        self.scale = nn.Parameter(torch.full((1,), (d_model // n_heads) ** -0.5))

    def forward(
        self,
        u: Tensor,
        state: Tensor | None = None,
        lengths: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
        return_state: bool = False,
    ) -> Tensor | tuple[Tensor, Tensor]:
        """Apply the layer to whole sequences, or to a chunk of them that goes on from a state.

        Parameters
        ----------
        u : Tensor (B, L, H), real, in the dtype of the parameters, or of half precision.
        state : Tensor (B, T, 2, H), optional
            Keys and values of T earlier steps, as an earlier call returned them.
        lengths : (B,) ints in 1 .. L, optional
            Lengths of sequences padded at their end. The outputs beyond are zero, and the others are
            what each sequence alone would give.
        rate
            Ratio of the sampling interval to the one trained at: distances in time are those in steps
            times the rate. Chunks are counted in steps.
        return_state
            Return also the state after the last input.

        Returns
        -------
        y : Tensor (B, L, H) in the dtype of u, or (y, state)

        Raises
        ------
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.forward`; ValueError also on a state asked of sequences of
            different lengths, which have different numbers of keys.
        """
        B, L, _ = validate.real_input(
            "u", u, "B L H", {"H": self.d_model}, self.inputs.weight
        ).shape
        validate.flag("return_state", return_state)
        validate.rate(rate)
        for name, parameter in self.named_parameters():
            validate.finite(f"Attention.{name}", parameter)
        if self.bidirectional and (state is not None or return_state):
            raise ValueError(
                "a bidirectional layer reads the future and has no state to carry; "
                "use bidirectional=False, or leave out state and return_state"
            )
        if return_state and lengths is not None:
            raise ValueError(
                "attention has one key for each step: sequences of different lengths have no state in "
                "common; leave out lengths or return_state"
            )
        before = self._check_state(state, B)
        keep = None
        if lengths is not None:
            lengths = validate.lengths(lengths, B, L, u.device)
            keep = torch.arange(L, device=u.device) < lengths[:, None]  # (B, L)
        x = u.to(self.inputs.weight.dtype)
        x = x if keep is None else torch.where(keep[..., None], x, 0)
        q, k, v = self.inputs(x).chunk(3, dim=-1)  # (B, L, H) each
        memory = torch.stack([k, v], dim=2)  # (B, L, 2, H)
        if before is not None:
            memory = torch.cat([before.to(memory.dtype), memory], dim=1)  # (B, T + L, 2, H)
        y = self._attend(q * self.scale.to(q.dtype), memory, keep, rate)
        y = self.output(y).to(u.dtype)
        y = y if keep is None else torch.where(keep[..., None], y, 0)
        return (y, self._recent(memory)) if return_state else y

    def step(
        self, u_t: Tensor, state: Tensor | None, rate: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Apply the layer to one input of each sequence: (B, H), state -> (B, H), state.

        Parameters
        ----------
        u_t : Tensor (B, H)
        state, rate
            As in `forward`; None at the start. The state grows by one step at each call, unless
            attention is local.

        Raises
        ------
        TypeError, ValueError
            As `forward`.
        """
        validate.real_input("u_t", u_t, "B H", {"H": self.d_model}, self.inputs.weight)
        if self.bidirectional:
            raise ValueError(
                "a bidirectional layer needs the future: it cannot run step by step"
            )
        y, new = self(u_t[:, None], state, rate=rate, return_state=True)
        return y[:, 0], new

    def initial_state(self, batch: int) -> Tensor:
        """The state of a batch of sequences before their first step: no keys, (B, 0, 2, H)."""
        return self.inputs.weight.new_zeros(batch, 0, 2, self.d_model)

    def extra_repr(self) -> str:
        return (
            f"d_model={self.d_model}, n_heads={self.n_heads}, "
            f"bidirectional={self.bidirectional}, chunk_size={self.chunk_size}"
        )

    def _attend(
        self, q: Tensor, memory: Tensor, keep: Tensor | None, rate: float
    ) -> Tensor:
        """Mix the values: queries of the last L of T + L steps, (B, L, H) -> (B, L, H)."""
        L, steps = q.shape[1], memory.shape[1]
        place = torch.arange(steps, device=q.device)
        k, v = (
            x.unflatten(-1, (self.n_heads, -1)).transpose(1, 2) for x in memory.unbind(2)
        )
        q = q.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)  # (B, n, L, d)
        time = rate * place.double()  # float32 has no odd numbers beyond 2^24
        k, q = rotate(k, time), rotate(q, time[-L:])
        size = self.chunk_size or steps
        parts = []
        for first in range((steps - L) // size * size, steps, size):  # chunks with a query
            rows = slice(max(first, steps - L), first + size)
            sees_next = size if self.bidirectional else 0
            columns = slice(max(first - size, 0), first + size + sees_next)
            queries = q[:, :, max(first - steps + L, 0) : first + size - steps + L]
            seen = self._seen(place[rows], place[columns], keep)
            causal = seen is None and not self.bidirectional
            parts.append(
                F.scaled_dot_product_attention(
                    queries,
                    k[:, :, columns],
                    v[:, :, columns],
                    attn_mask=seen,
                    is_causal=causal,
                    scale=1.0,
                )
            )
        return torch.cat(parts, dim=2).transpose(1, 2).flatten(2)  # (B, L, H)

    def _seen(self, rows: Tensor, columns: Tensor, keep: Tensor | None) -> Tensor | None:
        """Which keys each query sees, (rows, columns) or (B, 1, rows, columns); None: the plain case."""
        if not self.bidirectional:  # what is padded comes later, and is not seen
            same = len(rows) == len(columns)
            return None if same else columns <= rows[:, None]
        if keep is None:
            return None
        seen = keep[:, None, None, columns]  # (B, 1, 1, columns)
        if self.chunk_size is None:
            return seen
        itself = columns == rows[:, None]  # a chunk of padding sees this, not nothing
        return seen | itself

    def _recent(self, memory: Tensor) -> Tensor:
        """What later steps can see of the memory: all, or the last chunks, from the start of one on."""
        if self.chunk_size is None:
            return memory
        chunks = memory.shape[1] // self.chunk_size  # that are complete
        return memory[:, max(chunks - 1, 0) * self.chunk_size :]

    def _check_state(self, state: Tensor | None, batch: int) -> Tensor | None:
        if state is None:
            return None
        if not isinstance(state, Tensor):
            raise TypeError(
                f"state must be a torch.Tensor or None, got {type(state).__name__}"
            )
        shape = tuple(state.shape)
        if state.ndim != 4 or (shape[0], *shape[2:]) != (batch, 2, self.d_model):
            raise ValueError(
                f"state must have shape ({batch}, T, 2, {self.d_model}), got {shape}"
            )
        if not state.is_floating_point():
            raise TypeError(f"state must be real floating point, got {state.dtype}")
        validate.on_device("state", state, self.inputs.weight)
        return state


def rotate(x: Tensor, place: Tensor) -> Tensor:
    """Turn each pair of channels by an angle proportional to the place: rotary positions.

    Channels 2i and 2i + 1 turn by place / 10000^(2i / d). The product of two turned vectors then depends on
    the distance of their places alone.

    Parameters
    ----------
    x : Tensor (..., L, d), d even
    place : Tensor (L,), in steps

    Returns
    -------
    Tensor (..., L, d), in the dtype of x; the angles are computed in float64.

    Source: Su et al. 2021, RoFormer, Eq. 15
    """
    d = x.shape[-1]
    exponent = torch.arange(0, d, 2, device=x.device).double() / d  # (d/2,)
    angle = place.double()[:, None] * ROTARY_BASE**-exponent  # (L, d/2)
    wide = torch.promote_types(x.dtype, torch.float32)
    cos, sin = angle.cos().to(wide), angle.sin().to(wide)
    even, odd = x[..., 0::2].to(wide), x[..., 1::2].to(wide)
    turned = torch.stack([even * cos - odd * sin, even * sin + odd * cos], -1)
    return turned.flatten(-2).to(x.dtype)
