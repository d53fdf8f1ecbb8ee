"""Layers of infinitely wide networks, under the names of `neural_tangents.stax`.

Each function returns a layer that unpacks as ``init_fn, apply_fn, kernel_fn``::

    from nngp import stax
    init_fn, apply_fn, kernel_fn = stax.serial(
        stax.Dense(512, W_std=1.5, b_std=0.05), stax.Relu(), stax.Dense(1))
    kernel = kernel_fn(x1, x2, 'ntk')

Besides the layers here there is one for every activation of every plugin found: ``dir(stax)``.
"""

from __future__ import annotations

import difflib
import inspect
import operator
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core, _elementwise, plugins
from ._elementwise import Function, SlowActivationWarning
from ._kernel import ApplyFn, InitFn, KernelFn, whole

__all__ = [
    "serial", "parallel", "repeat", "Dense", "Identity", "LayerNorm", "Dropout", "FanOut", "FanInSum",
    "FanInProd", "FanInConcat", "Flatten", "Elementwise", "ElementwiseNumerical", "Layer", "SlowActivationWarning", "parse",
]


class Layer:
    """A layer or a whole network. Unpacks as ``init_fn, apply_fn, kernel_fn``; immutable."""

    def __init__(self, core: _core.Layer, rebuild: Optional[Tuple[Callable[..., "Layer"], Tuple[Any, ...]]] = None):
        self._core = core
        self._rebuild = rebuild  # how to make it again, where its text does not say all

    @property
    def init_fn(self) -> InitFn:
        return InitFn(self)

    @property
    def apply_fn(self) -> ApplyFn:
        return ApplyFn(self)

    @property
    def kernel_fn(self) -> KernelFn:
        return KernelFn(self)

    def _functions(self) -> Tuple[InitFn, ApplyFn, KernelFn]:
        return self.init_fn, self.apply_fn, self.kernel_fn

    def __iter__(self) -> Iterator[Any]:
        return iter(self._functions())

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        return self._functions()[index]

    def __str__(self) -> str:
        return self._core.text

    def __repr__(self) -> str:
        return f"<nngp layer {self}>"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Layer) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Tuple[Callable[..., "Layer"], Tuple[Any, ...]]:
        return self._rebuild or (parse, (str(self),))

    def _repr_html_(self) -> str:
        from ._html import network
        return network(self)


def parse(text: str) -> Layer:
    """A network from its text, as the command `nngp` reads it: ``parse("serial(Dense(512), Relu())")``.

    Raises ValueError that shows the place of a mistake.
    """
    if not isinstance(text, str):
        raise ValueError(f"a model is a text, not a {type(text).__name__}")
    return Layer(_core.parse_model(text, plugins.registry()))


def _word(value: Any) -> str:
    """A value as models write it."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if value is None or isinstance(value, (bool, str)):
        return repr(value)
    if np.ndim(value) > 0:
        return "[" + ", ".join(_word(v) for v in value) + "]"
    try:
        return repr(operator.index(value))
    except TypeError:
        pass
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise ValueError(f"a number is wanted, not a {type(value).__name__}: {value!r}") from None


def _call(name: str, *args: Any, **kwargs: Any) -> Layer:
    words = [_word(value) for value in args] + [f"{key}={_word(value)}" for key, value in kwargs.items()]
    return parse(f"{name}({', '.join(words)})")


def _combined(function: Callable[..., Layer], combine: Callable[..., Any], layers: Sequence[Any], *rest: Any) -> Layer:
    name = function.__name__
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            if callable(layer):
                raise ValueError(f"{name}: argument {i} is {getattr(layer, '__name__', layer)!r}; "
                                 "call it to make a layer, as in stax.Relu()")
            raise ValueError(f"{name}: argument {i} is no layer but a {type(layer).__name__}")
    rebuild = (function, (*layers, *rest)) if any(layer._rebuild for layer in layers) else None
    return Layer(combine([layer._core for layer in layers], *rest), rebuild)


def serial(*layers: Layer) -> Layer:
    """Layers one after the other. Raises ValueError for what is no layer."""
    return _combined(serial, _core.serial, layers) if layers else Identity()


def parallel(*layers: Layer) -> Layer:
    """One layer for each branch that FanOut made."""
    return _combined(parallel, _core.parallel, layers)


def repeat(layer: Layer, n: int) -> Layer:
    """A layer `n` times."""
    return _combined(repeat, lambda cores, count: _core.repeat(cores[0], count), [layer], whole(n, "repeat: n", 1))


def Dense(out_dim: int, W_std: float = 1.0, b_std: Optional[float] = None, batch_axis: int = 0,
          channel_axis: int = -1, parameterization: str = "ntk", s: Tuple[float, float] = (1.0, 1.0)) -> Layer:
    """Fully connected: y = W_std / sqrt(n_in) x W + b_std b, W and b standard normal.

    ``parameterization='standard'`` is that of Sohl-Dickstein et al., arXiv 2001.07301, with the width
    multipliers `s` of input and output. `b_std=None`: no bias.
    """
    if batch_axis != 0 or channel_axis not in (-1, 1):
        raise ValueError("Dense: inputs are rows of features: batch_axis=0, channel_axis=-1")
    if parameterization == "ntk":
        return _call("Dense", out_dim, W_std, b_std)
    return _call("Dense", out_dim, W_std, b_std, parameterization=parameterization, s=s)


def Identity() -> Layer:
    """Passes its input on."""
    return _call("Identity")


def LayerNorm(axis: Union[int, Sequence[int]] = -1, eps: float = 1e-12, batch_axis: int = 0,
              channel_axis: int = -1) -> Layer:
    """Layer normalisation over the features."""
    axes = [axis] if isinstance(axis, int) else list(axis)
    if axes not in ([-1], [1]):
        raise ValueError("LayerNorm: inputs are rows of features: axis=-1")
    return _call("LayerNorm") if eps == 1e-12 else _call("LayerNorm", eps=eps)


def Dropout(rate: float, mode: str = "train") -> Layer:
    """Keeps each unit with probability `rate` (so in neural-tangents); nothing for mode='test'."""
    return _call("Dropout", rate, mode=mode)


def FanOut(num: int) -> Layer:
    """Copies its input to `num` branches."""
    return _call("FanOut", num)


def FanInSum() -> Layer:
    """The sum of all branches."""
    return _call("FanInSum")


def FanInProd() -> Layer:
    """The product of all branches."""
    return _call("FanInProd")


def FanInConcat(axis: int = -1) -> Layer:
    """The features of all branches side by side."""
    return _call("FanInConcat", axis=axis)


def Flatten(batch_axis: int = 0, batch_axis_out: int = 0) -> Layer:
    """Leaves rows of features as they are."""
    return Identity()


def Elementwise(fn: Function = None, nngp_fn: Function = None, d_nngp_fn: Function = None, **numbers: float) -> Layer:
    """Applies a scalar function `fn` to every unit, given by Python functions or formulas.

    fn(x): the function. Networks of finite width need it.
    nngp_fn(cov12, var1, var2): E[fn(x1) fn(x2)] of normal x1 and x2; missing: computed from `fn` numerically.
    d_nngp_fn(cov12, var1, var2): E[fn'(x1) fn'(x2)]; missing: the derivative of `nngp_fn` in cov12.

    A Python function is called with symbols and read as a formula: then it runs compiled, and its derivative is
    exact. Functions of numpy, scipy.special and math, arithmetic, comparisons, np.where and branches can be read. Others
    are called, a kernel with arrays for every tile, which a SlowActivationWarning tells. A numba cfunc, a ctypes
    function or the address of one is taken as it is. A text is a formula, in which keywords such as ``a=2.0`` may be
    used by name, or the name of an activation.

    Raises ValueError for a formula that cannot be read, NotImplementedError if neither `fn` nor `nngp_fn` is
    given. What a function raises reaches whoever computes a kernel.
    Source: neural_tangents.stax.Elementwise; the language is that of core/src/formula/formula.md.
    """
    if isinstance(fn, str) and nngp_fn is None and d_nngp_fn is None and not numbers and _names_activation(fn):
        return parse(f"Elementwise('{fn}')")
    return _elementwise_layer((fn, nngp_fn, d_nngp_fn), numbers, None)


def ElementwiseNumerical(fn: Union[Function, Layer], deg: int = 25, df: Function = None, tol: float = 1e-10) -> Layer:
    """Applies a scalar function whose kernel is computed numerically, to the tolerance `tol`.

    fn: a function or formula as for Elementwise, or an activation: a layer or its text.
    `deg` and `df` are accepted as in neural-tangents and not needed: the number of nodes follows from `tol`,
    derivatives from `fn`. Raises ValueError if `tol` is not in (0, 1].
    """
    if isinstance(fn, Layer) or isinstance(fn, str) and _names_activation(fn.split("(")[0]):
        return parse(f"ElementwiseNumerical({fn}, tol={tol!r})")
    if not 0 < tol <= 1:
        raise ValueError(f"ElementwiseNumerical: tol must be above 0 and at most 1, not {tol!r}")
    return _elementwise_layer((fn, None, None), {}, float(tol))


def _names_activation(text: str) -> bool:
    return any(description["name"] == text.strip() for description in plugins.activations())


def _elementwise_layer(functions: Tuple[Function, Function, Function], numbers: Dict[str, float],
                       tolerance: Optional[float]) -> Layer:
    fn, nngp_fn, d_nngp_fn = functions
    if fn is None and nngp_fn is None:
        missing = "fn" if d_nngp_fn is None else "nngp_fn"
        raise NotImplementedError(f"{missing} is not implemented: Elementwise needs fn or nngp_fn")
    core, has_text = _elementwise.layer({"fn": fn, "nngp_fn": nngp_fn, "d_nngp_fn": d_nngp_fn}, numbers, tolerance,
                                        stacklevel=4)
    return Layer(core, None if has_text else (_elementwise_layer, (functions, numbers, tolerance)))


def _activation(description: Dict[str, Any]) -> Callable[..., Layer]:
    """The function that makes layers of one activation."""
    name = description["name"]
    parameters = []
    for p in description["parameters"]:
        default = p["default"]
        if default is not None:
            value: Any = list(default) if p["kind"] == 3 else default[0]
            value = bool(value) if p["kind"] == 2 else int(value) if p["kind"] == 1 else value
        else:
            value = inspect.Parameter.empty
        parameters.append(inspect.Parameter(p["name"], inspect.Parameter.POSITIONAL_OR_KEYWORD, default=value))

    def make(*args: Any, **kwargs: Any) -> Layer:
        kwargs.pop("do_stabilize", None)
        return _call(name, *args, **kwargs)

    make.__name__ = make.__qualname__ = name
    lines = [f"{description['summary']}: fn(x) = {description['formula']}.", ""]
    lines += [f"{p['name']}: {p['summary']}." for p in description["parameters"]]
    lines += ["", f"Kernels: {'closed form' if description['has_nngp_fn'] else 'integrated numerically from fn'}"
              + (f" ({description['reference']})." if description["reference"] else ".")]
    make.__doc__ = "\n".join(lines)
    setattr(make, "__signature__", inspect.Signature(parameters, return_annotation=Layer))
    return make


def __getattr__(name: str) -> Callable[..., Layer]:
    if not name.startswith("_"):
        for description in plugins.activations():
            if description["name"] == name and not description["shadowed"]:
                return _activation(description)
    near = difflib.get_close_matches(name, __dir__(), 1)
    raise AttributeError(f"stax has no layer or activation {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def __dir__() -> List[str]:
    return sorted(set(__all__) | {a["name"] for a in plugins.activations()})
