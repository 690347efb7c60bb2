"""Deep sequence models: an encoder, a stack of residual blocks, pooling over time, a decoder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ssm_lib import validate
from ssm_lib.attention import Attention
from ssm_lib.blocks import Block, keep_mask, make_norm, normalize
from ssm_lib.encoders import RealEncoder, TokenEncoder
from ssm_lib.layers import LAYERS, SSMLayer

SEQUENCE_LAYERS: dict[str, Callable[..., SSMLayer | Attention]] = {
    **LAYERS,
    "attention": Attention,
}
POOLING = ("mean", "last", "none")


class SequenceModel(nn.Module):
    """Encoder, a stack of blocks, norm, pooling over time, linear decoder.

    Parameters
    ----------
    d_input
        Size of one real input; None if the inputs are tokens.
    d_output
        Size of one output.
    d_model
        Channels H of the blocks.
    n_layers
        Number of blocks.
    layer
        Name of the state space layer, a key of `ssm_lib.layers.LAYERS`, or ``"attention"``.
    layer_args
        Its other constructor arguments, e.g. ``{"d_state": 32, "bidirectional": True}``: plain data.
    dropout, norm, prenorm
        As `ssm_lib.blocks.Block`. With prenorm, one more norm precedes the pooling.
    pooling
        ``"mean"`` over time or ``"last"`` step, output (B, d_output); ``"none"``: (B, L, d_output).
    vocabulary
        Number of tokens, if the inputs are integers: the encoder is then an embedding.

    Raises
    ------
    ValueError, TypeError
        On an unknown layer, norm or pooling, sizes that are not positive ints, both or neither of
        d_input and vocabulary, or layer_args that JSON cannot hold.
    """

    def __init__(
        self,
        d_input: int | None,
        d_output: int,
        d_model: int = 64,
        n_layers: int = 4,
        layer: str = "s4d",
        layer_args: Mapping[str, Any] | None = None,
        dropout: float = 0.0,
        pooling: str = "mean",
        norm: str = "layer",
        prenorm: bool = True,
        vocabulary: int | None = None,
    ) -> None:
        super().__init__()
        if (d_input is None) == (vocabulary is None):
            raise ValueError(
                "expected d_input (size of a real input) or vocabulary (number of tokens), and "
                f"not both; got d_input={d_input}, vocabulary={vocabulary}"
            )
        validate.positive_int("d_output", d_output)
        validate.positive_int("d_model", d_model)
        validate.positive_int("n_layers", n_layers)
        make = SEQUENCE_LAYERS[validate.one_of("layer", layer, SEQUENCE_LAYERS)]
        if not isinstance(layer_args, Mapping | None):
            raise TypeError(f"layer_args must be a dict, got {type(layer_args).__name__}")
        self.pooling = validate.one_of("pooling", pooling, POOLING)
        arguments = {
            "d_input": d_input,
            "d_output": d_output,
            "d_model": d_model,
            "n_layers": n_layers,
            "layer": layer,
            "layer_args": dict(layer_args or {}),
            "dropout": dropout,
            "pooling": pooling,
            "norm": norm,
            "prenorm": prenorm,
            "vocabulary": vocabulary,
        }
        try:
            self._config = json.dumps(arguments)
        except TypeError as error:
            raise TypeError(f"the arguments must be plain data for JSON: {error}") from None
        self.d_output = d_output
        self.encoder: RealEncoder | TokenEncoder
        if d_input is not None:
            self.encoder = RealEncoder(d_input, d_model)
        if vocabulary is not None:
            self.encoder = TokenEncoder(vocabulary, d_model)
        plain = self.config["layer_args"]  # what a checkpoint will be built from
        blocks = [
            Block(make(d_model, **plain), dropout, norm, prenorm) for _ in range(n_layers)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.norm = make_norm(norm, d_model) if prenorm else nn.Identity()
        self.decoder = nn.Linear(d_model, d_output)

    @property
    def config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain data that JSON can hold; a new dict at each call."""
        return json.loads(self._config)

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SequenceModel:
        """Build the model that `config` describes, with new random parameters.

        Raises
        ------
        ValueError, TypeError
            On a key that is no argument of the constructor, and as the constructor.
        """
        return cls(**validate.known_arguments(cls, config))

    def forward(
        self,
        u: Tensor,
        lengths: Sequence[int] | Tensor | None = None,
        rate: float = 1.0,
        state: Sequence[Tensor] | None = None,
        return_state: bool = False,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> Tensor | tuple[Tensor, list[Tensor]]:
        """Apply the model to whole sequences, or to a chunk of them that goes on from a state.

        Parameters
        ----------
        u : Tensor (B, L, d_input); with a vocabulary, ints (B, L) in 0 .. vocabulary - 1.
        lengths, rate
            As `ssm_lib.layers.base.SSMLayer.forward`. What padded steps hold does not matter.
        state
            What an earlier call, of `forward` or `step`, returned for what came before; None at the
            start of the sequences.
        return_state
            Return also the state after the last input of each sequence, for `forward` or `step`.
        dt : Tensor (B, L), optional
        reset : Tensor (B, L), bool, optional
            As `ssm_lib.layers.S5.forward`, for a model of such layers. With a reset, pooling is "none"
            or "last": a mean would be over all episodes of a sequence.

        Returns
        -------
        Tensor (B, d_output), or (B, L, d_output) without pooling, zero at padded steps; or (it, state).
        With mean pooling and a state, the mean is over all that was read so far.

        Raises
        ------
        TypeError, ValueError
            As `ssm_lib.layers.base.SSMLayer.forward`; on tokens out of range (looked up on CPU only); on
            a state that is not what `initial_state` describes; on a dt or a reset for layers that take
            none; on a reset with mean pooling.
        """
        self.encoder.check("u", u, "B L")
        self._check_reset(reset)
        keep = None if lengths is None else keep_mask(lengths, u)  # (B, L)
        if keep is not None:
            u = torch.where(keep if u.ndim == 2 else keep[..., None], u, 0)
            lengths = keep.sum(1)
        x = self.encoder(u)  # (B, L, H)
        new: list[Tensor] = []
        before = self._check_state(state, len(u))
        for i, block in enumerate(self._blocks()):
            block_state = None if before is None else before[i]
            out = block(x, lengths, rate, block_state, return_state, dt, reset)
            x, last = out if return_state else (out, None)
            if last is not None:
                new.append(last)
        x = normalize(self.norm, x, keep)
        if self.pooling == "mean":
            total, count = _sum(x, keep)
            if before is not None:
                total, count = before[-2] + total, before[-1] + count
            new += [total, count]
            x = (total / count[:, None]).to(x.dtype)
        elif self.pooling == "last":
            x = x[:, -1] if keep is None else x[torch.arange(len(x)), keep.sum(1) - 1]
        y = self.decoder(x)
        if self.pooling == "none" and keep is not None:
            y = torch.where(keep[..., None], y, 0)
        return (y, new) if return_state else y

    def initial_state(self, batch: int) -> list[Tensor]:
        """What `step` starts from: one state per block; with mean pooling also a sum and a count.

        All start with the batch: (B, ...) for each block, then (B, d_model) and (B,); float32 or
        float64.
        """
        blocks = [block.layer.initial_state(batch) for block in self._blocks()]
        if self.pooling != "mean":
            return blocks
        weight = self.decoder.weight
        wide = torch.promote_types(weight.dtype, torch.float32)
        total = torch.zeros(batch, weight.shape[1], dtype=wide, device=weight.device)
        return [*blocks, total, total.new_zeros(batch)]

    def step(
        self,
        u_t: Tensor,
        state: Sequence[Tensor] | None,
        rate: float = 1.0,
        dt: Tensor | None = None,
        reset: Tensor | None = None,
    ) -> tuple[Tensor, list[Tensor]]:
        """Apply the model to one input of each sequence.

        Parameters
        ----------
        u_t : Tensor (B, d_input); with a vocabulary, ints (B,).
        state
            What the last call returned; None at the start of the sequences.
        rate
            As in `forward`.
        dt : Tensor (B,), optional
        reset : Tensor (B,), bool, optional
            One column of the dt and of the reset of `forward`.

        Returns
        -------
        Tensor (B, d_output): with mean pooling, the output for the part of the sequence seen so far.
        state : list of Tensor, as `initial_state`. The one passed in is left unchanged.

        Raises
        ------
        TypeError, ValueError
            As `forward`; ValueError also of a bidirectional model, which needs the future.
        RuntimeError
            As `ssm_lib.blocks.Block.step`, in training mode.
        """
        self.encoder.check("u_t", u_t, "B")
        self._check_reset(reset)
        before = self._check_state(state, len(u_t))
        if before is None:
            before = self.initial_state(len(u_t))
        x = self.encoder(u_t)  # (B, H)
        new: list[Tensor] = []
        for block, block_state in zip(self._blocks(), before):
            x, block_state = block.step(x, block_state, rate, dt, reset)
            new.append(block_state)
        x = self.norm(x)
        if self.pooling == "mean":
            total, count = before[-2] + x, before[-1] + 1
            new += [total, count]
            x = (total / count[:, None]).to(x.dtype)
        return self.decoder(x), new

    def _check_reset(self, reset: Tensor | None) -> None:
        if reset is not None and self.pooling == "mean":
            raise ValueError(
                "pooling='mean' averages over all episodes of a sequence; with reset use "
                "pooling='none' or 'last'"
            )

    def _check_state(
        self, state: Sequence[Tensor] | None, batch: int
    ) -> list[Tensor] | None:
        """The list of states of a batch; the layers check those of the blocks."""
        if state is None:
            return None
        if isinstance(state, Tensor) or not isinstance(state, Sequence):
            raise TypeError(
                f"state must be a list of tensors or None, got {type(state).__name__}"
            )
        zero = self.initial_state(batch)
        if len(state) != len(zero):
            raise ValueError(
                f"state must be a list of {len(zero)} tensors, got {len(state)}"
            )
        for x, z in zip(state[len(self.blocks) :], zero[len(self.blocks) :]):
            if not isinstance(x, Tensor) or x.shape != z.shape:
                got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
                raise ValueError(
                    f"the state's sum and count must have the shapes {tuple(zero[-2].shape)} and "
                    f"{tuple(zero[-1].shape)}, got {got} for {tuple(z.shape)}"
                )
        return list(state)

    def _blocks(self) -> list[Block]:
        return cast("list[Block]", list(self.blocks))


def _sum(x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
    """Sum over the steps that are kept, (B, L, H) -> (B, H), and their number (B,); float32 at least."""
    wide = torch.promote_types(x.dtype, torch.float32)  # a long sum overflows float16
    if keep is None:
        total = x.sum(1, dtype=wide)
        return total, total.new_full((len(x),), x.shape[1])
    total = torch.where(keep[..., None], x, 0).sum(1, dtype=wide)
    return total, keep.sum(1).to(wide)
