"""What help() says of the layers of the core beside their summaries: shapes, formulas, errors, sources.

K and Theta are the NNGP and the NTK of two examples, a number for each pair (s, s') of their positions; a prime is behind the
layer. core/spatial.md has all formulas.
"""

from __future__ import annotations

from typing import Dict

_WEIGHTS = """W_std, b_std: standard deviations of weights, times the square root of their number, and biases; b_std=None: no bias.
parameterization: 'ntk', or 'standard' (Sohl-Dickstein et al., arXiv 2001.07301) with the width multipliers `s` of input
and output.
"""

_CHANNELS_LAST = """Arrays are (examples, positions..., channels); arguments of neural-tangents for another order must keep their presets.
"""

_WINDOW = """strides: as many numbers as the window has axes; None: 1 each.
padding: 'VALID': the window stays inside, (n - w) // stride + 1 positions. 'SAME': outside of the image is 0,
ceil(n / stride) positions. 'CIRCULAR': each axis is a circle.
"""

_WINDOW_ERRORS = """Raises ValueError for sizes and strides below 1; kernel_fn raises it for inputs with another number of axes, and
where the window does not fit."""

_CONVOLUTION = f"""filter_shape: sizes along 1 to 3 axes of positions, as (3, 3). out_chan matters at finite width alone.
{_WINDOW}{_WEIGHTS}{_CHANNELS_LAST}{_WINDOW_ERRORS}
"""

_POOL = f"""window_shape: sizes along 1 to 3 axes of positions, as (2, 2).
{_WINDOW}{_CHANNELS_LAST}{_WINDOW_ERRORS}
"""

NOTES: Dict[str, str] = {
    "Dense": f"""(n, ..., features) -> (n, ..., out_dim): y = W_std / sqrt(n_in) x W + b_std b, W and b standard normal.
K' = W_std^2 K + b_std^2, Theta' = W_std^2 Theta + K'. out_dim matters at finite width alone.

{_WEIGHTS}{_CHANNELS_LAST}Raises ValueError for out_dim below 1 and negative or infinite deviations.
Source: Lee et al., arXiv 1711.00165; Jacot et al., arXiv 1806.07572.""",
    "Conv": f"""(n, positions..., channels) -> (n, positions'..., out_chan).
K'[s, s'] = W_std^2 mean over taps k of K[stride s + k, stride s' + k] + b_std^2, Theta' likewise, plus K'.

{_CONVOLUTION}Source: Novak et al., arXiv 1810.05148; Arora et al., arXiv 1904.11955.""",
    "ConvLocal": f"""(n, positions..., channels) -> (n, positions'..., out_chan).
The kernels of Conv for s = s', 0 between different positions.

{_CONVOLUTION}Source: Novak et al., arXiv 1810.05148.""",
    "ConvTranspose": f"""(n, positions..., channels) -> (n, positions'..., out_chan), strides times as many positions.

{_CONVOLUTION}Source: jax.lax.conv_transpose and neural_tangents.stax.ConvTranspose.""",
    "AvgPool": f"""(n, positions..., channels) -> (n, positions'..., channels).
K'[s, s'] = mean over any two taps k, k' of K[stride s + k, stride s' + k'], Theta' likewise.

normalize_edges: with 'SAME' the mean is over the positions inside the image.
{_POOL}Source: Novak et al., arXiv 1912.02803.""",
    "SumPool": f"""(n, positions..., channels) -> (n, positions'..., channels), sums in place of the means of AvgPool.

{_POOL}""",
    "GlobalAvgPool": f"""(n, positions..., channels) -> (n, channels): K' = mean of K over all pairs of positions, Theta' likewise.

{_CHANNELS_LAST}Source: Novak et al., arXiv 1810.05148.""",
    "GlobalSumPool": f"""(n, positions..., channels) -> (n, channels): K' = sum of K over all pairs of positions, Theta' likewise.

{_CHANNELS_LAST}""",
    "Flatten": """(n, positions..., channels) -> (n, positions * channels): K' = mean over s of K[s, s], Theta' likewise.
Rows of features stay as they are.

Source: Novak et al., arXiv 1810.05148.""",
    "ImageResize": """(n, positions..., channels) -> (n, positions'..., channels), linear in the inputs.

shape: as the output's, (-1, height, width, -1): the first and last number do not matter.
method: 'linear' or 'nearest'. antialias: a linear filter is as wide as the positions that are left out.
Source: jax.image.resize.""",
    "Index": """(n, positions..., channels) -> (n, positions'..., channels): x[idx]. K and Theta of the positions that are chosen.

idx: as numpy's, `stax.Slice[:, 1:-1, ::2]`: slices, integers, which drop an axis, and '...'. Examples and channels are ':'.
Raises ValueError for another index of these; kernel_fn raises it where an integer is outside or a slice chooses nothing.
Source: neural_tangents.stax.Index.""",
    "GlobalSelfAttention": """(n, positions..., channels) -> (n, positions..., n_chan_out), with infinitely many heads.

linear_scaling: queries and keys share weights and their product is scaled by 1 / n_chan_key; False: by the square root, which
needs the identity. attention_mechanism: 'softmax', 'identity', 'abs' or 'relu'.
pos_emb_type: 'none', 'sum' or 'concat', with W_pos_emb_std, and n_chan_pos_emb channels; val_pos_emb: embeddings are in
the values too.
pos_emb_decay_fn: a function of x, the sum of |s - s'|^pos_emb_p_norm over axes, or its formula, 'exp(-x)': the covariance of
embeddings; None: of a position with itself alone. init_fn raises ValueError for it.
n_chan_key, n_chan_val and n_heads matter at finite width alone.
Source: Hron et al., arXiv 2006.10540.""",
    "Identity": "Arrays of any shape. K' = K, Theta' = Theta.",
    "LayerNorm": """(n, ..., channels) -> the same shape: (x - mean) / sqrt(eps + variance).

axis: the axes of the means: -1, the channels, has to be among them, 0, the examples, may not.
K and Theta are divided by sqrt(q[s] q'[s']), q the mean of eps + K of an example with itself over these axes.
Raises ValueError for other axes.
Source: Ba et al., arXiv 1607.06450; neural_tangents.stax.LayerNorm.""",
    "Dropout": """Arrays of any shape. Kept units are divided by `rate`, in (0, 1]; K' = K / rate for a position of an example with itself.

Raises ValueError for a rate outside (0, 1].
Source: Schoenholz et al., arXiv 1611.01232.""",
    "FanOut": "Makes `num` branches, which `parallel` goes on with and FanInSum, FanInProd or FanInConcat joins.",
    "FanInSum": "The sum of all branches, which need independent weights or one kernel each. K' = sum of K, Theta' likewise.",
    "FanInProd": "The product of all branches. K' = product of K, Theta' by the product rule.",
    "FanInConcat": """The channels of all branches side by side, axis=-1: K' = mean of K weighted by channels; or their positions.

Raises ValueError for branches of other shapes.""",
}
