"""Kernels of infinitely wide neural networks: NNGP and NTK, under the names of neural-tangents.

    from nngp import stax
    _, _, kernel_fn = stax.serial(stax.Dense(512, W_std=1.5, b_std=0.05), stax.Relu(), stax.Dense(1))
    ntk = kernel_fn(x1, x2, 'ntk')      # an array of shape (n1, n2)

`nngp.stax` has the layers, `nngp.predict` what trained networks predict, `nngp.sklearn` estimators for scikit-learn,
`nngp.plugins` the activations of shared libraries.
"""

from importlib import metadata as _metadata

from . import plugins, predict, stax
from ._core import instruction_set
from ._kernel import InexactWarning, Kernel, Operator, batch, monte_carlo_kernel_fn

try:
    __version__ = _metadata.version("nngp")
except _metadata.PackageNotFoundError:  # imported from a build tree
    __version__ = "0"

__all__ = ["stax", "predict", "plugins", "Kernel", "Operator", "InexactWarning", "batch", "monte_carlo_kernel_fn", "instruction_set"]
