"""Where S5 starts: HiPPO blocks on the diagonal, and samples scaled as in its published code.

Symbol      Meaning                                                Part of the paper
HiPPO-N     normal part of HiPPO-LegS, A + P^T P                   initialization
J           blocks of size P/J, each a HiPPO-N of its own          initialization
V           eigenvectors of the blocks, (P, M), block diagonal     parameterization

M = P/2 for HiPPO-N. With init="ptd" (Yu et al. 2024) the blocks are HiPPO-LegS plus a small matrix, with r
real eigenvalues each, and M = (P + J r)/2: see `ssm_lib.hippo.ptd`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ssm_lib import hippo, validate

INITS = ("legs", "ptd")
C_INITS = ("trunc_standard_normal", "lecun_normal", "complex_normal")


def initial_system(
    d_model: int, d_state: int, blocks: int, init: str = "legs"
) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues, input weights and eigenvectors that S5 starts from: J equal blocks on the diagonal.

    Parameters
    ----------
    d_model
        Channels H.
    d_state
        Real state size P.
    blocks
        Number J of equal blocks; P/J must be an even integer.
    init
        ``"legs"``: each block is HiPPO-N, the normal part of HiPPO-LegS; ``"ptd"``: HiPPO-LegS plus a
        small matrix, `ssm_lib.hippo.ptd`.

    Returns
    -------
    Lambda : Tensor (M,), complex128: J times the eigenvalues of the block.
    B : Tensor (M, H), complex128: the inverse of V (V* for HiPPO-N) times a real sample of standard
        deviation 1/sqrt(P); rows of real eigenvalues halved.
    V : Tensor (P, M), complex128: block diagonal.

    Raises
    ------
    ValueError, TypeError
        If P/J is not an even integer, an argument not a positive int, or init unknown.

    Equation: eq-s5-blocks

    Source: Smith et al. 2023, S5; the original's fan-in is P, not H.
    """
    validate.positive_int("d_state", d_state, even=True)
    validate.positive_int("blocks", blocks)
    if d_state % blocks or d_state // blocks % 2:
        raise ValueError(
            f"d_state={d_state} cannot be cut into blocks={blocks} of equal, even size"
        )
    validate.one_of("init", init, INITS)
    if init == "ptd":
        Lambda, _, V, W = hippo.ptd("legs", d_state // blocks)
    else:
        Lambda, _, _, V = hippo.nplr("legs", d_state // blocks)
        W = V.mH
    V, W = (torch.block_diag(*[X] * blocks) for X in (V, W))  # (P, M), (M, P)
    B = lecun_normal((d_state, d_model), fan_in=d_state).to(V.dtype)
    return Lambda.repeat(blocks), W @ B, V


def lecun_normal(shape: tuple[int, ...], fan_in: int) -> Tensor:
    """A normal sample, cut at two standard deviations, of standard deviation 1/sqrt(fan_in); float64."""
    scale = 1 / math.sqrt(fan_in) / 0.87962566103423978  # the cut makes it narrower
    x = torch.empty(shape, dtype=torch.float64)
    return nn.init.trunc_normal_(x, std=scale, a=-2 * scale, b=2 * scale)


def initial_output(c_init: str, d_model: int, V: Tensor, init: str = "legs") -> Tensor:
    """Output weights (H, M), complex128, that S5 starts from.

    Parameters
    ----------
    c_init
        Standard deviation of each component: ``"trunc_standard_normal"``: 1/sqrt(P) (the name is the
        original's); ``"lecun_normal"``: 1/sqrt(P H); ``"complex_normal"``: sqrt(1/2).
    d_model
        Channels H.
    V : Tensor (P, M)
        Eigenvectors. The first two samples are drawn in the coordinates of HiPPO and multiplied by V.
    init
        As `initial_system`. For ``"ptd"`` the third sample is drawn in the coordinates of HiPPO as well:
        where the columns of V are orthonormal that makes no difference, and here independent weights
        would not cancel what is large in B.

    Raises
    ------
    ValueError, TypeError
        If c_init is unknown.

    Source: the published code of Smith et al. 2023, S5.
    """
    validate.one_of("c_init", c_init, C_INITS)
    P = V.shape[0]
    if c_init == "complex_normal":  # E|c|^2 = 1
        if init == "ptd":
            return torch.randn(d_model, P, dtype=V.dtype) @ V
        return torch.randn(d_model, P // 2, dtype=V.dtype)
    fan_in = P if c_init == "trunc_standard_normal" else P * d_model
    return torch.view_as_complex(lecun_normal((d_model, P, 2), fan_in)) @ V
