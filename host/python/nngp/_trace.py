"""Python functions as formulas: a function called with symbols tells what it computes."""

from __future__ import annotations

import builtins
import math
import numbers
import threading
import types
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np


class NotTraceable(Exception):
    """A function that does more with its argument than a formula can say."""


# Functions of numpy and scipy.special by the name that formulas have for them.
_FUNCTIONS = {
    "absolute": "abs", "fabs": "abs", "sign": "sign", "sqrt": "sqrt", "cbrt": "cbrt", "square": "square",
    "reciprocal": "reciprocal", "exp": "exp", "exp2": "exp2", "expm1": "expm1", "log": "log",
    "log1p": "log1p", "log2": "log2", "log10": "log10", "sin": "sin", "cos": "cos", "tan": "tan",
    "arcsin": "arcsin", "arccos": "arccos", "arctan": "arctan", "arctan2": "arctan2", "sinh": "sinh",
    "cosh": "cosh", "tanh": "tanh", "arcsinh": "arcsinh", "arccosh": "arccosh", "arctanh": "arctanh",
    "minimum": "minimum", "maximum": "maximum", "fmin": "minimum", "fmax": "maximum",
    "heaviside": "heaviside", "floor": "floor", "ceil": "ceil", "rint": "round", "clip": "clip",
    "erf": "erf", "erfc": "erfc", "erfcx": "erfcx", "ndtr": "ndtr", "expit": "sigmoid",
    "log_ndtr": None,
}
_OPERATORS = {
    "add": "+", "subtract": "-", "multiply": "*", "divide": "/", "true_divide": "/", "power": "**",
    "float_power": "**", "less": "<", "less_equal": "<=", "greater": ">", "greater_equal": ">=",
    "equal": "==", "not_equal": "!=", "logical_and": "and", "logical_or": "or", "bitwise_and": "and",
    "bitwise_or": "or",
}
# Functions of the math module whose names formulas do not have.
_MATH = {"fabs": "abs", "pow": "power"}
_LONGEST = 16000
_MOST_BRANCHES = 64
_ROUNDING = 1e-6  # of itself, that a formula may leave out: that of float32, not of float16


def _text(value: Any) -> str:
    if isinstance(value, Symbol):
        return value.text
    if isinstance(value, (bool, np.bool_)):
        return "1" if value else "0"
    if isinstance(value, numbers.Real) or (isinstance(value, np.ndarray) and value.ndim == 0):
        number = float(value)
        if math.isnan(number):
            raise NotTraceable("it computes with NaN")
        if math.isinf(number):
            return "inf" if number > 0 else "(-inf)"
        return repr(number) if number >= 0 and not repr(number).startswith("-") else f"({number!r})"
    raise NotTraceable(f"it computes with a {type(value).__name__}")


class Symbol:
    """A number that is known by its formula alone."""

    __slots__ = ("text",)
    __array_priority__ = 1000

    def __init__(self, text: str):
        if len(text) > _LONGEST:
            raise NotTraceable("its formula is very long")
        self.text = text

    def __bool__(self) -> bool:
        return _branches().choose(self.text)

    # What asks for a value cannot be answered.
    def __float__(self) -> float:
        raise NotTraceable("it takes its argument for one number; use functions of numpy")

    __int__ = __index__ = __len__ = __iter__ = __getitem__ = __float__

    @property
    def dtype(self) -> "np.dtype[Any]":
        return np.dtype(float)

    shape = ()
    ndim = 0
    size = 1

    def astype(self, dtype: Any, *_: Any, **__: Any) -> "Symbol":
        kind = np.dtype(dtype)
        if kind.kind != "f" or np.finfo(kind).eps > _ROUNDING:
            raise NotTraceable(f"it turns its argument into {kind}")
        return self

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> "Symbol":
        if method != "__call__" or kwargs.get("out") is not None:
            raise NotTraceable(f"it uses {ufunc.__name__}.{method}")
        return _apply(ufunc.__name__, inputs)

    def __array_function__(self, function: Callable[..., Any], kinds: Any, args: Any, kwargs: Any) -> "Symbol":
        name = function.__name__
        if name == "where" and len(args) == 3 and not kwargs:
            return Symbol(f"where({_text(args[0])}, {_text(args[1])}, {_text(args[2])})")
        if name == "clip":
            return _clip(*args, **kwargs)
        if name in ("asarray", "array", "real", "squeeze", "nan_to_num", "ravel") and isinstance(args[0], Symbol):
            return args[0]
        if name in ("zeros_like", "ones_like"):
            return Symbol("0" if name == "zeros_like" else "1")
        if name == "full_like":
            return Symbol(_text(args[1]))
        if name == "select" and len(args) in (2, 3) and not kwargs:
            return _select(*args)
        raise NotTraceable(f"it uses np.{name}")

    def clip(self, min: Any = None, max: Any = None) -> "Symbol":
        return _clip(self, min, max)


def _clip(x: Any, a_min: Any = None, a_max: Any = None, min: Any = None, max: Any = None) -> Symbol:
    low, high = (a_min if min is None else min), (a_max if max is None else max)
    text = _text(x)
    if low is not None:
        text = f"maximum({text}, {_text(low)})"
    if high is not None:
        text = f"minimum({text}, {_text(high)})"
    return Symbol(text)


def _select(conditions: Sequence[Any], choices: Sequence[Any], default: Any = 0) -> Symbol:
    text = _text(default)
    for condition, choice in reversed(list(zip(conditions, choices))):
        text = f"where({_text(condition)}, {_text(choice)}, {text})"
    return Symbol(text)


def _apply(name: str, inputs: Sequence[Any]) -> Symbol:
    texts = [_text(value) for value in inputs]
    if name in _OPERATORS and len(texts) == 2:
        return Symbol(f"({texts[0]} {_OPERATORS[name]} {texts[1]})")
    if name == "negative":
        return Symbol(f"(-{texts[0]})")
    if name == "positive":
        return Symbol(texts[0])
    if name in ("logical_not", "invert"):
        return Symbol(f"(not {texts[0]})")
    formula = _FUNCTIONS.get(name)
    if formula is None:
        raise NotTraceable(f"it uses {name}, which formulas do not have")
    return Symbol(f"{formula}({', '.join(texts)})")


def _binary(name: str, reflected: bool = False) -> Callable[[Symbol, Any], Any]:
    def method(self: Symbol, other: Any) -> Any:
        if isinstance(other, np.ndarray) and other.ndim > 0:
            raise NotTraceable("it computes with an array")
        return _apply(name, (other, self) if reflected else (self, other))
    return method


for _method, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "divide", "pow": "power", "and": "logical_and",
    "or": "logical_or",
}.items():
    setattr(Symbol, f"__{_method}__", _binary(_name))
    setattr(Symbol, f"__r{_method}__", _binary(_name, reflected=True))
for _method, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "eq": "equal", "ne": "not_equal",
}.items():
    setattr(Symbol, f"__{_method}__", _binary(_name))
setattr(Symbol, "__hash__", lambda self: id(self))
for _method, _name in {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "logical_not"}.items():
    setattr(Symbol, f"__{_method}__", (lambda name: lambda self: _apply(name, (self,)))(_name))


class _Branches:
    """What a function asked of the truth of symbols: the first answers are given, all further ones are yes."""

    def __init__(self, given: Sequence[bool]):
        self.given = given
        self.asked: List[Tuple[str, bool]] = []

    def choose(self, condition: str) -> bool:
        index = len(self.asked)
        answer = self.given[index] if index < len(self.given) else True
        self.asked.append((condition, answer))
        return answer


_thread = threading.local()


def _branches() -> _Branches:
    branches = getattr(_thread, "branches", None)
    if not isinstance(branches, _Branches):
        raise NotTraceable("it keeps its argument")
    return branches


class _Tree:
    """A function's formula over all its branches: it is called once for each."""

    def __init__(self, function: Callable[..., Any], names: Sequence[str]):
        self._function = function
        self._symbols = [Symbol(name) for name in names]
        self._calls = 0

    def formula(self, given: Sequence[bool] = ()) -> str:
        self._calls += 1
        if self._calls > _MOST_BRANCHES:
            raise NotTraceable("it has too many branches")
        _thread.branches = branches = _Branches(given)
        try:
            text = _text(self._function(*self._symbols))
        finally:
            _thread.branches = None
        answers = [answer for _, answer in branches.asked]
        for depth in range(len(answers) - 1, len(given) - 1, -1):
            otherwise = self.formula(answers[:depth] + [False])
            text = Symbol(f"where({branches.asked[depth][0]}, {text}, {otherwise})").text
        return text


def _of_math(name: str) -> Any:
    """A member of the math module that takes symbols too."""
    original = getattr(math, name)
    if not callable(original):
        return original

    def function(*arguments: Any) -> Any:
        if any(isinstance(argument, Symbol) for argument in arguments):
            return Symbol(f"{_MATH.get(name, name)}({', '.join(map(_text, arguments))})")
        return original(*arguments)
    return function


class _Math:
    def __getattr__(self, name: str) -> Any:
        return _of_math(name)


def _with_symbolic_math(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with what it uses of the math module replaced by what takes symbols."""
    if isinstance(function, types.BuiltinFunctionType):
        return _of_math(function.__name__) if function.__module__ == "math" else function
    if not isinstance(function, types.FunctionType):
        return function
    replaced: Dict[str, Any] = {}
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if value is math:
            replaced[name] = _Math()
        elif isinstance(value, types.BuiltinFunctionType) and value.__module__ == "math":
            replaced[name] = _of_math(value.__name__)
    if not replaced:
        return function
    scope = {"__builtins__": builtins, **function.__globals__, **replaced}
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, function.__closure__)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def _of_numbers(function: Callable[..., Any]) -> Callable[..., Any]:
    """The Python function of numbers that np.vectorize or a compiler such as numba's wraps; others as they are."""
    inner = getattr(function, "pyfunc", None) if isinstance(function, np.vectorize) else getattr(function, "py_func", None)
    return inner if callable(inner) else function


def trace(function: Callable[..., Any], names: Sequence[str]) -> str:
    """The formula of `function` of variables called `names`.

    The function is called once with symbols, or once for each of its branches. Raises NotTraceable, whose text says
    what the function does that a formula cannot say.
    """
    try:
        return _Tree(_with_symbolic_math(_of_numbers(function)), names).formula()
    except NotTraceable:
        raise
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        what = str(error).rstrip(".")  # numpy's end a sentence that goes on here
        raise NotTraceable(f"called with a symbol it raises {type(error).__name__}: {what}") from error
