"""Layers of infinitely wide networks, under the names of `neural_tangents.stax`.

Each function returns a layer that unpacks as ``init_fn, apply_fn, kernel_fn``::

    from nngp import stax
    init_fn, apply_fn, kernel_fn = stax.serial(
        stax.Dense(512, W_std=1.5, b_std=0.05), stax.Relu(), stax.Dense(1))
    kernel = kernel_fn(x1, x2, 'ntk')

Besides the layers here there is one for every activation of every plugin found: ``dir(stax)``.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

from . import _core, plugins
from ._kernel import ApplyFn, InitFn, KernelFn
from ._trace import NotTraceable, traced

__all__ = [
    "serial", "parallel", "repeat", "Dense", "Identity", "LayerNorm", "Dropout", "FanOut", "FanInSum",
    "FanInProd", "FanInConcat", "Flatten", "Elementwise", "ElementwiseNumerical", "Layer", "parse",
]


class SlowActivationWarning(UserWarning):
    """A Python function could not be read as a formula and is called for every tile."""


class Layer:
    """A layer or a whole network. Unpacks as ``init_fn, apply_fn, kernel_fn``; immutable."""

    def __init__(self, core: Any, rebuild: Optional[Tuple[Callable, tuple, dict]] = None):
        self._core = core
        self._rebuild = rebuild

    @property
    def init_fn(self) -> InitFn:
        return InitFn(self)

    @property
    def apply_fn(self) -> ApplyFn:
        return ApplyFn(self)

    @property
    def kernel_fn(self) -> KernelFn:
        return KernelFn(self)

    def __iter__(self) -> Iterator[Any]:
        return iter((self.init_fn, self.apply_fn, self.kernel_fn))

    def __len__(self) -> int:
        return 3

    def __getitem__(self, index: Any) -> Any:
        return (self.init_fn, self.apply_fn, self.kernel_fn)[index]

    def __str__(self) -> str:
        return self._core.text

    def __repr__(self) -> str:
        return f"<nngp layer {self}>"

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, Layer) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __reduce__(self) -> Any:
        if self._rebuild is not None:
            function, args, kwargs = self._rebuild
            return (_rebuild, (function, args, kwargs))
        return (parse, (str(self),))

    def _repr_html_(self) -> str:
        from ._html import network
        return network(self)


def _rebuild(function: Callable, args: tuple, kwargs: dict) -> Layer:
    return function(*args, **kwargs)


def parse(text: str) -> Layer:
    """A network from its text, as the command `nngp` reads it: ``parse("serial(Dense(512), Relu())")``.

    Raises ValueError that shows the place of a mistake.
    """
    return Layer(_core.parse_model(text, plugins.registry()))


def _number(value: Any) -> str:
    if value is None or isinstance(value, (bool, str)):
        return repr(value)
    if isinstance(value, (list, tuple)) or getattr(value, "ndim", 0):
        return "[" + ", ".join(_number(v) for v in value) + "]"
    if isinstance(value, int):
        return repr(int(value))
    return repr(float(value))


def _call(name: str, *args: Any, **kwargs: Any) -> Layer:
    words = [_number(value) for value in args] + [f"{key}={_number(value)}" for key, value in kwargs.items()]
    return parse(f"{name}({', '.join(words)})")


def _layers(layers: Sequence[Any], what: str) -> List[Layer]:
    for i, layer in enumerate(layers):
        if not isinstance(layer, Layer):
            if callable(layer):
                raise ValueError(f"{what}: argument {i} is {getattr(layer, '__name__', layer)!r}; "
                                 "call it to make a layer, as in stax.Relu()")
            raise ValueError(f"{what}: argument {i} is no layer but a {type(layer).__name__}")
    return list(layers)


def serial(*layers: Layer) -> Layer:
    """Layers one after the other."""
    all_layers = _layers(layers, "serial")
    if not all_layers:
        return Identity()
    return Layer(_core.serial([layer._core for layer in all_layers]), (serial, tuple(layers), {}))


def parallel(*layers: Layer) -> Layer:
    """One layer for each branch that FanOut made."""
    return Layer(_core.parallel([layer._core for layer in _layers(layers, "parallel")]),
                 (parallel, tuple(layers), {}))


def repeat(layer: Layer, n: int) -> Layer:
    """A layer `n` times."""
    return Layer(_core.repeat(_layers([layer], "repeat")[0]._core, n), (repeat, (layer, n), {}))


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


Function = Union[str, Callable[..., Any], None]


def Elementwise(fn: Function = None, nngp_fn: Function = None, d_nngp_fn: Function = None, **numbers: float) -> Layer:
    """Applies a scalar function `fn` to every unit, given by Python functions or formulas.

    fn(x): the function. Networks of finite width need it.
    nngp_fn(cov12, var1, var2): E[fn(x1) fn(x2)] of normal x1 and x2; missing: computed from `fn` numerically.
    d_nngp_fn(cov12, var1, var2): E[fn'(x1) fn'(x2)]; missing: the derivative of `nngp_fn` in cov12.

    A Python function is called once with symbols and read as a formula: then it runs compiled, and its
    derivative is exact. Functions of numpy and scipy.special, arithmetic, comparisons and np.where can be
    read. Others are called with arrays, tile by tile, which a SlowActivationWarning tells. A text is a
    formula, in which keywords such as ``a=2.0`` may be used by name.

    Raises ValueError for a formula that cannot be read, NotImplementedError if neither `fn` nor `nngp_fn` is
    given.
    """
    if isinstance(fn, str) and fn.strip().isidentifier() and nngp_fn is None and d_nngp_fn is None \
            and not numbers and any(a["name"] == fn for a in plugins.activations()):
        return parse(f"Elementwise('{fn}')")
    if fn is None and nngp_fn is None:
        missing = "fn" if d_nngp_fn is None else "nngp_fn"
        raise NotImplementedError(f"{missing} is not implemented: Elementwise needs fn or nngp_fn")
    rebuild = (Elementwise, (fn, nngp_fn, d_nngp_fn), dict(numbers))
    kernel = ("cov12", "var1", "var2")
    try:
        texts = (traced(fn, ("x",)), traced(nngp_fn, kernel), traced(d_nngp_fn, kernel))
    except NotTraceable as reason:
        if any(isinstance(f, str) for f in (fn, nngp_fn, d_nngp_fn)):
            raise ValueError(f"formulas and functions cannot be mixed here: a function cannot be read as a formula: {reason}")
        warnings.warn(f"Elementwise: a function cannot be read as a formula: {reason}. It is called with arrays for "
                      "every tile, which is slower.", SlowActivationWarning, stacklevel=2)
        return Layer(_core.callable_layer(_array_function(fn), _array_function(nngp_fn), _array_function(d_nngp_fn),
                                          _callable_text(fn, nngp_fn, d_nngp_fn)), rebuild)
    parameters = [(name, float(value)) for name, value in numbers.items()]
    return Layer(_core.formula_layer(*texts, parameters), rebuild)


def _array_function(function: Optional[Callable]) -> Optional[Callable]:
    """`function`, entry by entry if it does not take arrays."""
    if function is None:
        return None
    import numpy as np

    state: Dict[str, Callable] = {}

    def call(*arrays: Any) -> Any:
        if "function" not in state:
            try:
                result = np.asarray(function(*arrays), dtype=float)
                if result.shape in ((), arrays[0].shape):
                    state["function"] = function
                    return result
            except (TypeError, ValueError):
                pass
            state["function"] = np.vectorize(function, otypes=[float])
        return state["function"](*arrays)

    return call


def _callable_text(*functions: Optional[Callable]) -> str:
    names = [f"{key}=<{getattr(f, '__name__', 'function')}>"
             for key, f in zip(("fn", "nngp_fn", "d_nngp_fn"), functions) if f is not None]
    return f"Elementwise({', '.join(names)})"


def ElementwiseNumerical(fn: Function, deg: int = 25, df: Function = None, tol: float = 1e-10) -> Layer:
    """Applies a scalar function whose kernel is computed numerically, to the tolerance `tol`.

    `deg` and `df` are accepted as in neural-tangents and not needed: the number of nodes follows from `tol`,
    derivatives from `fn`.
    """
    if isinstance(fn, str) and any(a["name"] == fn.split("(")[0] for a in plugins.activations()):
        return _parse_numerical(fn, tol)
    if isinstance(fn, Layer):
        return _parse_numerical(str(fn), tol)
    return Elementwise(fn)


def _parse_numerical(text: str, tol: float) -> Layer:
    return parse(f"ElementwiseNumerical({text}, tol={tol!r})")


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
    make.__signature__ = inspect.Signature(parameters, return_annotation=Layer)  # type: ignore[attr-defined]
    return make


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        for description in plugins.activations():
            if description["name"] == name and not description["shadowed"]:
                return _activation(description)
    import difflib
    near = difflib.get_close_matches(name, __dir__(), 1)
    raise AttributeError(f"stax has no layer or activation {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def __dir__() -> List[str]:
    return sorted(set(__all__) | {a["name"] for a in plugins.activations()})
