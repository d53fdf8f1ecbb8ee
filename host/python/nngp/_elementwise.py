"""Layers of scalar functions that a program gives: formulas, Python functions, compiled functions."""

from __future__ import annotations

import ctypes
import warnings
from typing import Any, Callable, Dict, Mapping, Optional, Tuple, Union

import numpy as np

from . import _core
from ._arrays import check_text, real_numbers
from ._trace import NotTraceable, trace

#: A formula, a function of numbers or arrays, a numba cfunc, a ctypes function or the address of one.
Function = Union[str, int, Callable[..., Any], None]

_KERNEL = ("cov12", "var1", "var2")
_VARIABLES: Mapping[str, Tuple[str, ...]] = {"fn": ("x",), "nngp_fn": _KERNEL, "d_nngp_fn": _KERNEL}


class SlowActivationWarning(UserWarning):
    """A Python function could not be read as a formula and is called instead."""


def layer(functions: Mapping[str, Function], numbers: Mapping[str, float], tolerance: Optional[float],
          stacklevel: int) -> Tuple[Any, bool]:
    """The core's layer of `functions`, which has the names of _VARIABLES, and whether a text can describe it."""
    for name, function in functions.items():
        if function is not None and (isinstance(function, bool) or not isinstance(function, (str, int)) and not callable(function)):
            raise ValueError(f"{name} must be a function or a formula, not a {type(function).__name__}")
        if isinstance(function, str):
            check_text(function, name)
    given = {name: function for name, function in functions.items() if function is not None}
    addresses = {name: _address(name, function) for name, function in given.items()}
    if all(addresses.values()):
        at_fn, at_nngp_fn, at_d_nngp_fn = (addresses.get(name, 0) for name in _VARIABLES)
        return _core.native_layer(at_fn, at_nngp_fn, at_d_nngp_fn, _text(given), tolerance), False
    parameters = [(name, float(value)) for name, value in numbers.items()]
    try:
        texts = {name: _formula(name, function, addresses[name]) for name, function in given.items()}
        core = _formula_layer(texts, parameters, tolerance, given)
        for name, function in given.items():
            if callable(function):
                _check(core, name, function)
        return core, True
    except NotTraceable as reason:
        if any(isinstance(function, str) for function in given.values()):
            raise ValueError("formulas and functions cannot be mixed here: a function cannot be read as a formula: "
                             f"{reason}") from None
        if numbers:
            raise TypeError(f"{', '.join(numbers)}: only formulas take numbers by name") from None
        warnings.warn(f"Elementwise: a function cannot be read as a formula: {reason}. It is called, which is slower than "
                      "a formula or a numba cfunc.", SlowActivationWarning, stacklevel=stacklevel)
    called: Dict[str, Any] = {name: _by_address(name, addresses[name]) if addresses[name] else function
                              for name, function in given.items()}
    kernels = [_of_arrays(name, called[name]) if name in called else None for name in ("nngp_fn", "d_nngp_fn")]
    fn = _of_numbers("fn", called["fn"]) if "fn" in called else None
    return _core.callable_layer(fn, kernels[0], kernels[1], _text(given), tolerance), False


def _text(given: Mapping[str, Any]) -> str:
    names = (f"{key}=<{getattr(function, '__name__', 'function')} at {id(function):#x}>" for key, function in given.items())
    return f"Elementwise({', '.join(names)})"


# ---- Compiled functions ------------------------------------------------------------------------------------------------

_C_FUNCTION: Any = ctypes.CFUNCTYPE(None).__mro__[1]  # what all functions of ctypes are

def _address(name: str, function: Any) -> int:
    """Where a compiled function is; 0 for others. Raises ValueError for one that does not take and return doubles."""
    if isinstance(function, int):
        if not _is_code(function):
            raise ValueError(f"{name}: {function} is not the address of a function")
        return function
    if isinstance(function, _C_FUNCTION):
        _check_types(name, function)
        return ctypes.cast(function, ctypes.c_void_p).value or 0
    address = getattr(function, "address", 0)
    if not isinstance(address, int) or not address:
        return 0
    if isinstance(getattr(function, "ctypes", None), _C_FUNCTION):  # a numba cfunc
        _check_types(name, function.ctypes)
    return address


def _check_types(name: str, function: Any) -> None:
    """Raises ValueError unless a ctypes function, if it says its types, takes doubles and returns one."""
    wanted = [ctypes.c_double] * len(_VARIABLES[name])
    if function.argtypes is None:
        return
    if list(function.argtypes) != wanted or function.restype is not ctypes.c_double:
        types = ", ".join(["double"] * len(wanted))
        raise ValueError(f"{name} is compiled for other types: it must take ({types}) and return a double")


def _is_code(address: int) -> bool:
    """Whether the process may run what lies at an address, as far as the system tells."""
    try:
        with open("/proc/self/maps", encoding="ascii", errors="replace") as maps:
            regions = [line.split(None, 2)[:2] for line in maps]
    except OSError:
        return address > 0
    for bounds, rights in regions:
        begin, end = (int(bound, 16) for bound in bounds.split("-"))
        if begin <= address < end:
            return "x" in rights
    return False


def _by_address(name: str, address: int) -> Callable[..., float]:
    return ctypes.CFUNCTYPE(ctypes.c_double, *[ctypes.c_double] * len(_VARIABLES[name]))(address)


# ---- Functions that are read as formulas -------------------------------------------------------------------------------

def _formula(name: str, function: Any, address: int) -> str:
    if isinstance(function, str):
        return function
    if address:
        raise NotTraceable("it is compiled, but another one is not")
    return trace(function, _VARIABLES[name])


def _formula_layer(texts: Mapping[str, str], parameters: Any, tolerance: Optional[float], given: Mapping[str, Any]) -> Any:
    try:
        return _core.formula_layer(texts.get("fn", ""), texts.get("nngp_fn", ""), texts.get("d_nngp_fn", ""), parameters,
                                   tolerance)
    except ValueError as error:
        # Of what a user wrote, the mistakes are told; what was read may be too long or too deep.
        if any(isinstance(function, str) for function in given.values()):
            raise
        raise NotTraceable(str(error).splitlines()[0]) from error


def _points(name: str) -> Any:
    if name == "fn":
        return [(x,) for x in (-20.0, -6.0, -3.1, -1.7, -1.0, -0.6, -0.1, 0.0, 0.1, 0.4, 0.5, 1.0, 1.3, 2.0, 3.3, 6.0, 20.0)]
    return [(rho * np.sqrt(v1 * v2), v1, v2) for rho in (-0.8, -0.3, 0.0, 0.5, 0.9)
            for v1, v2 in ((0.5, 0.5), (1.0, 2.0), (3.0, 0.2))]


def _check(core: Any, name: str, function: Callable[..., Any]) -> None:
    """Raises NotTraceable where a formula is not what the function computes, as for functions that change or add truths."""
    for point in _points(name):
        try:
            with np.errstate(all="ignore"):
                expected = float(function(*map(np.float64, point)))
        except (TypeError, ValueError, ArithmeticError, IndexError):
            continue  # nothing to compare with
        got = _core.activation_value(core, name, *(point + (0.0, 0.0))[:3])
        if not (abs(got - expected) <= 1e-6 * abs(expected) + 1e-12 or got == expected or got != got and expected != expected):
            where = ", ".join(f"{value:.3g}" for value in point)
            raise NotTraceable(f"called with {where} it returns {expected:.6g}, but what it does with a symbol makes {got:.6g}")


# ---- Functions that are called -----------------------------------------------------------------------------------------

#: What a function of arrays, or of numbers alone, does not take may raise; all else comes again when a kernel is computed.
_UNSUITED = (TypeError, ValueError, AttributeError, IndexError)


def _values(name: str, result: Any, shape: Tuple[int, ...]) -> Any:
    """What a function returned for arguments of `shape`. Raises ValueError for what are not as many real numbers."""
    values = real_numbers(result, f"what {name} returns")
    if result is None or values.shape not in ((), shape):
        what = "None" if result is None else f"an array of the shape {values.shape}"
        raise ValueError(f"{name} returns {what} for {'arrays of the shape ' + str(shape) if shape else 'numbers'}")
    return values


def _one(name: str, result: Any) -> float:
    """What a function returned for numbers; an array of one is a number too."""
    values = real_numbers(result, f"what {name} returns")
    return float(_values(name, None if result is None else values.reshape(()) if values.size == 1 else values, ()))


def _of_numbers(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of one number, whether it takes numbers or arrays alone. They are numpy's, whose truths add up to 1."""
    try:
        trial = function(np.float64(0.5))
        if not isinstance(trial, complex):  # these are told when a kernel is computed
            float(trial)
    except _UNSUITED:
        return lambda x: _one(name, function(np.array([x])))
    except Exception:
        pass

    def of_number(x: float) -> Any:
        result = function(np.float64(x))
        return _one(name, result) if isinstance(result, (complex, np.ndarray)) else result
    return of_number


def _of_arrays(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of arrays, entry by entry if it takes numbers alone."""
    def by_entry(*arrays: Any) -> Any:
        return np.array([_one(name, function(*entry)) for entry in zip(*arrays)])

    def at_once(*arrays: Any) -> Any:
        return _values(name, function(*arrays), arrays[0].shape)

    trial = np.array([[0.1, 0.2, 0.3], [0.5, 0.6, 0.7], [0.8, 0.9, 1.0]])
    try:
        together = at_once(*trial.copy())
    except _UNSUITED:
        return by_entry
    except Exception:
        return at_once
    try:
        apart = by_entry(*trial)
    except Exception:  # it takes arrays alone
        return at_once
    # One that adds up its arguments, as a quadrature does, takes arrays for something else.
    return at_once if np.allclose(together, apart, rtol=1e-9, atol=0, equal_nan=True) else by_entry
