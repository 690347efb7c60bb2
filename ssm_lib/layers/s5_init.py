"""Where S5 starts: HiPPO-N blocks on the diagonal, and samples scaled as in its published code.

Symbol      Meaning                                                Part of the paper
HiPPO-N     normal part of HiPPO-LegS, A + P^T P                   initialization
J           blocks of size P/J, each a HiPPO-N of its own          initialization
V           eigenvectors of the blocks, (P, P/2), block diagonal   parameterization
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import hippo, validate

C_INITS = ("trunc_standard_normal", "lecun_normal", "complex_normal")


def initial_system(
    d_model: int, d_state: int, blocks: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues, input weights and eigenvectors that S5 starts from: HiPPO-N on the diagonal, J times.

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Real state size P.
    blocks
        Number J of equal blocks; P/J must be an even integer.

    Returns
    -------
    Lambda : Tensor (P/2,), complex128: J times the eigenvalues of HiPPO-LegS' normal part.
    B : Tensor (P/2, H), complex128: V* times a real sample of standard deviation 1/sqrt(P).
    V : Tensor (P, P/2), complex128: block diagonal.

    Raises
    ------
    ValueError, TypeError
        If P/J is not an even integer, or an argument not a positive int.

    Source: Smith et al. 2023, S5; the original's fan-in is P, not H.
    """
    validate.positive_int("d_state", d_state, even=True)
    validate.positive_int("blocks", blocks)
    if d_state % blocks or d_state // blocks % 2:
        raise ValueError(
            f"d_state={d_state} cannot be cut into blocks={blocks} of equal, even size"
        )
    Lambda, _, _, V = hippo.nplr("legs", d_state // blocks)
    V = torch.block_diag(*[V] * blocks)  # (P, P/2)
    B = lecun_normal((d_state, d_model), fan_in=d_state).to(V.dtype)
    return Lambda.repeat(blocks), V.mH @ B, V


def lecun_normal(shape: tuple[int, ...], fan_in: int) -> Tensor:
    """A normal sample, cut at two standard deviations, of standard deviation 1/sqrt(fan_in); float64."""
    scale = 1 / math.sqrt(fan_in) / 0.87962566103423978  # the cut makes it narrower
    x = torch.empty(shape, dtype=torch.float64)
    return nn.init.trunc_normal_(x, std=scale, a=-2 * scale, b=2 * scale)


def initial_output(c_init: str, d_model: int, V: Tensor) -> Tensor:
    """Output weights (H, P/2), complex128, that S5 starts from.

    Parameters
    ----------
    c_init
        Standard deviation of each component: ``"trunc_standard_normal"``: 1/sqrt(P) (the name is the
        original's); ``"lecun_normal"``: 1/sqrt(P H); ``"complex_normal"``: sqrt(1/2).
    d_model
        Channels H.
    V : Tensor (P, P/2)
        Eigenvectors. The first two samples are drawn in the coordinates of HiPPO and multiplied by V.

    Raises
    ------
    ValueError, TypeError
        If c_init is unknown.

    Source: Smith et al. 2023, S5, App. B, and its published code.
    """
    validate.one_of("c_init", c_init, C_INITS)
    P = V.shape[0]
    if c_init == "complex_normal":
        return torch.randn(d_model, P // 2, dtype=V.dtype)  # E|c|^2 = 1
    fan_in = P if c_init == "trunc_standard_normal" else P * d_model
    return torch.view_as_complex(lecun_normal((d_model, P, 2), fan_in)) @ V
