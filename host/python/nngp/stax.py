"""Layers of infinitely wide networks, under the names and with the arguments of `neural_tangents.stax`.

Each function returns a layer that unpacks as ``init_fn, apply_fn, kernel_fn``::

    from nngp import stax
    init_fn, apply_fn, kernel_fn = stax.serial(
        stax.Dense(512, W_std=1.5, b_std=0.05), stax.Relu(), stax.Dense(1))
    kernel = kernel_fn(x1, x2, 'ntk')

Inputs are arrays (examples, features), or for networks on signals, images and volumes (examples, positions..., channels)::

    _, _, kernel_fn = stax.serial(
        stax.Conv(64, (3, 3), padding='SAME'), stax.Relu(), stax.Flatten(), stax.Dense(10))
    kernel = kernel_fn(images1, images2, 'ntk')     # images: (n, height, width, channels)

Besides the layers here there is one for every activation of every plugin found: ``dir(stax)``.
"""

from __future__ import annotations

import ast
import difflib
import enum
import inspect
import operator
from typing import Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core, _elementwise, _trace, plugins
from ._arrays import check_text, number
from ._layer_notes import NOTES
from ._elementwise import Function, SlowActivationWarning
from ._kernel import ApplyFn, InitFn, KernelFn, whole

__all__ = [
    "serial", "parallel", "repeat", "Elementwise", "ElementwiseNumerical", "Layer", "SlowActivationWarning", "Slice", "parse",
    "PositionalEmbedding", "AttentionMechanism",
]  # and the layers of the core's table, below


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
    check_text(text, "a model")
    return Layer(_core.parse_model(text, plugins.registry()))


def _word(value: Any) -> str:
    """A value as models write it. Raises TypeError for what they cannot write."""
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value.item()
    if isinstance(value, enum.Enum):
        value = value.name
    if value is None or isinstance(value, (bool, str)):
        return repr(value)
    items = value if isinstance(value, tuple) else (value,)
    if any(isinstance(item, slice) or item is Ellipsis for item in items):
        return f"Slice[{', '.join(map(_item, items))}]"
    if np.ndim(value) > 0:
        return "[" + ", ".join(_word(v) for v in value) + "]"
    try:
        return repr(operator.index(value))
    except TypeError:
        pass
    try:
        return repr(float(value))
    except (TypeError, ValueError):
        raise TypeError(f"a number, a text or a list, not a {type(value).__name__}") from None


def _item(item: Any) -> str:
    """One item of x[...] as models write it."""
    if item is Ellipsis:
        return "..."
    if not isinstance(item, slice):
        return _word(item)
    bounds = ["" if bound is None else _word(bound) for bound in (item.start, item.stop, item.step)]
    return ":".join(bounds[:2] if item.step is None else bounds)


class _Slice:
    """``Slice[:, 1:-1, ::2]`` is the index that ``x[:, 1:-1, ::2]`` uses: the argument of `Index`."""

    def __getitem__(self, idx: Any) -> Any:
        return idx


Slice = _Slice()


class PositionalEmbedding(enum.Enum):
    """The texts that `pos_emb_type` of `GlobalSelfAttention` takes, as names."""
    NONE = "NONE"
    SUM = "SUM"
    CONCAT = "CONCAT"


class AttentionMechanism(enum.Enum):
    """The texts that `attention_mechanism` of `GlobalSelfAttention` takes, as names."""
    SOFTMAX = "SOFTMAX"
    IDENTITY = "IDENTITY"
    ABS = "ABS"
    RELU = "RELU"


def _call(layer: str, /, **arguments: Any) -> Layer:
    words = []
    for name, value in arguments.items():
        try:
            if name.endswith("_fn") and callable(value):
                value = _trace.trace(value, ("x",))
            words.append(f"{name}={_word(value)}")
        except _trace.NotTraceable as error:
            raise ValueError(f"{layer}: {name} cannot be read as a formula of the distance x: {error}") from None
        except TypeError as error:
            raise ValueError(f"{layer}: {name} must be {error}") from None
    return parse(f"{layer}({', '.join(words)})")


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
    return _combined(serial, _core.serial, layers) if layers else _call("Identity")


def parallel(*layers: Layer) -> Layer:
    """One layer for each branch that FanOut made."""
    return _combined(parallel, _core.parallel, layers)


def repeat(layer: Layer, n: int) -> Layer:
    """A layer `n` times."""
    return _combined(repeat, lambda cores, count: _core.repeat(cores[0], count), [layer], min(whole(n, "repeat: n", 1), 1 << 62))


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
    if not 0 < number(tol, "ElementwiseNumerical: tol") <= 1:
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


_REQUIRED = inspect.Parameter.empty


def _maker(name: str, parameters: Sequence[Tuple[str, Any]], doc: str) -> Callable[..., Layer]:
    """The function that makes layers of a name, from its parameters and their presets, or _REQUIRED."""
    signature = inspect.Signature([inspect.Parameter(parameter, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=preset)
                                   for parameter, preset in parameters], return_annotation=Layer)

    def make(*args: Any, **kwargs: Any) -> Layer:
        if "do_stabilize" not in signature.parameters:  # kernels here are stable without
            kwargs.pop("do_stabilize", None)
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise TypeError(f"{name}: {error}; it is {name}{_without_type(signature)}") from None
        return _call(name, **given)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = doc
    setattr(make, "__signature__", signature)
    return make


def _without_type(signature: inspect.Signature) -> inspect.Signature:
    return signature.replace(return_annotation=inspect.Signature.empty)


def _activation(description: Dict[str, Any]) -> Callable[..., Layer]:
    """The function that makes layers of one activation."""
    parameters = []
    for p in description["parameters"]:
        preset: Any = _REQUIRED
        if p["default"] is not None:
            preset = list(p["default"]) if p["kind"] == 3 else p["default"][0]
            preset = bool(preset) if p["kind"] == 2 else int(preset) if p["kind"] == 1 else preset
        parameters.append((p["name"], preset))
    lines = [f"{description['summary']}: fn(x) = {description['formula']}.", ""]
    lines += [f"{p['name']}: {p['summary']}." for p in description["parameters"]] + [""] * bool(description["parameters"])
    lines += [f"Kernels: {'closed form' if description['has_nngp_fn'] else 'integrated numerically from fn'}"
              + (f" ({description['reference']})." if description["reference"] else ".")]
    return _maker(description["name"], parameters, "\n".join(lines))


def _layer(name: str, summary: str, parameters: Sequence[Tuple[str, str]]) -> Callable[..., Layer]:
    """The function that makes one of the core's layers."""
    doc = f"{summary[:1].upper()}{summary[1:]}.\n\n{NOTES.get(name, '')}"
    return _maker(name, [(p, ast.literal_eval(preset) if preset else _REQUIRED) for p, preset in parameters], doc.strip())


for _name, _summary, _parameters in _core.layers():
    if _name not in globals():
        globals()[_name] = _layer(_name, _summary, _parameters)
        __all__.append(_name)


#: The functions of activations, so that each is one function, which can be pickled, until another plugin takes its name.
_made: Dict[str, Tuple[Dict[str, Any], Callable[..., Layer]]] = {}


def __getattr__(name: str) -> Callable[..., Layer]:
    if not name.startswith("_"):
        for description in plugins.activations():
            if description["name"] == name and not description["shadowed"]:
                if name not in _made or _made[name][0] != description:
                    _made[name] = description, _activation(description)
                return _made[name][1]
        reason = _core.absent_layer(name)
        if reason:
            raise AttributeError(reason)
    near = [other for other in __dir__() if other.lower() == name.lower()] or difflib.get_close_matches(name, __dir__(), 1)
    raise AttributeError(f"stax has no layer or activation {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


def __dir__() -> List[str]:
    return sorted(set(__all__) | {a["name"] for a in plugins.activations()})
