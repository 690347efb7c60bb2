"""Long convolutions by FFT. Lengths are free; no wrap-around; float32 at least.

`functions` has what layers and chapters call, `blocks` how it is computed: in blocks that stay in the
cache, with a gradient that keeps no spectrum.
"""

from ssm_lib.conv.blocks import fast_length
from ssm_lib.conv.functions import bidirectional, causal, stream

__all__ = ["bidirectional", "causal", "fast_length", "stream"]
