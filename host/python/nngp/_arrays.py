"""Inputs as arrays of float64 or float32: examples, positions, channels."""

from __future__ import annotations

import mmap
from typing import Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def number(value: Any, name: str) -> float:
    """One real number. Raises ValueError for all else."""
    try:
        if isinstance(value, (str, bytes)) or np.ndim(value) > 0:
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"{name} must be a number, not {value!r}") from None


def check_text(text: str, name: str) -> None:
    """Raises ValueError for a text with halves of characters, as bytes of another encoding are read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(f"{name} has characters that are none: {text[:80]!r}") from None


def real_numbers(x: Any, name: str) -> Array:
    """An array of real numbers, of any shape and type. Raises ValueError for all else, for masked entries and for integers
    that float64 does not hold."""
    if not hasattr(x, "__array__") and hasattr(x, "__dlpack__"):
        x = np.from_dlpack(x)
    if np.ma.is_masked(x):
        raise ValueError(f"{name} has masked entries; leave such rows out")
    try:
        array = np.asarray(x)
    except ValueError:
        if not isinstance(x, (list, tuple)):
            raise
        raise ValueError(f"{name} is no array of numbers: parts of it differ in length") from None
    if array.dtype.kind in "cMm":
        raise ValueError(f"{name} must be real numbers, not {array.dtype}")
    given = array
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(float)
        except (TypeError, ValueError, OverflowError) as error:
            if array.ndim == 0 or hasattr(x, "toarray"):
                dense = "; .toarray() makes an array of it" if hasattr(x, "toarray") else ""
                raise ValueError(f"{name} must be numbers, not a {type(x).__name__}{dense}") from None
            raise ValueError(f"{name} must be numbers: {error}") from None
    _check_held(given, name)
    return array


def _check_held(array: Array, name: str) -> None:
    """Raises ValueError for an integer that float64 does not hold, as files with one are refused."""
    if array.dtype.kind in "iu" and array.dtype.itemsize < 8:
        return
    if array.dtype.kind in "iu":
        array = array[(array < -2**53) | (array > 2**53)]
    elif array.dtype.kind != "O":
        return
    for value in array.flat:
        if isinstance(value, (int, np.integer)) and int(float(value)) != int(value):
            raise ValueError(f"{name} has {value}, which float64 does not hold exactly; give floats if it may be rounded")


def as_array(x: Any, name: str = "x") -> Array:
    """Anything with numbers: arrays, lists, data frames, __array__, DLPack, of shape (examples, features) or (examples,
    positions..., channels) with up to three axes of positions. Float32 stays, all else becomes float64; nothing is
    copied that need not be: an example has to be contiguous. Raises ValueError for another shape."""
    if x is None:
        raise ValueError(f"{name} is None; it must be an array of numbers")
    array = real_numbers(x, name)
    if array.ndim == 1:
        raise ValueError(f"{name} has one dimension; one example a row: {name}.reshape(-1, 1) for one feature, "
                         f"{name}.reshape(1, -1) for one example")
    if not 2 <= array.ndim <= 5:
        raise ValueError(f"{name} has the shape {array.shape}; wanted are (examples, features) or (examples, positions..., "
                         "channels) with one to three axes of positions")
    if 0 in array.shape:
        raise ValueError(f"{name} has the shape {array.shape}: it is empty")
    dtype = np.float32 if array.dtype in (np.float32, np.float16) else np.float64
    array = array.astype(dtype, copy=False)
    if not array[0].flags.c_contiguous or array.strides[0] % array.itemsize or array.strides[0] < 0 \
            or not array.flags.aligned or not array.dtype.isnative:
        array = np.ascontiguousarray(array)
    return array


def constant(array: Array) -> Array:
    """An array that nobody writes to: a read-only one as it is, of others a read-only copy."""
    owner: Any = array
    while isinstance(owner, np.ndarray) and not owner.flags.writeable:
        owner = owner.base
    if owner is not None and not isinstance(owner, mmap.mmap):
        array = array.copy()
        array.flags.writeable = False
    return array


def check_finite(array: Array, name: str, examples: bool = True) -> None:
    """Raises ValueError that names the first entry that is NaN or infinite; of `examples`, it says to leave them out."""
    # A sum is finite unless an entry is not, or it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        place = tuple(int(i) for i in bad[0])
        where = f"row {place[0]}, column {place[1]}" if array.ndim == 2 else f"example {place[0]} at {place[1:]}"
        advice = f"; leave such {'rows' if array.ndim == 2 else 'examples'} out" if examples else ""
        raise ValueError(f"{name} is {array[place]} in {where}{advice}")


def same_examples(first: Array, second: Array, names: Tuple[str, str] = ("x1", "x2")) -> None:
    """Raises ValueError unless examples of both have one shape."""
    one, other = first.shape[1:], second.shape[1:]
    if one == other:
        return
    if len(one) == len(other) == 1:
        raise ValueError(f"{names[0]} has {one[0]} features, {names[1]} has {other[0]}; both need the same")
    raise ValueError(f"examples of {names[0]} have the shape {one}, those of {names[1]} {other}; both need the same")


def pair(x1: Any, x2: Any) -> Tuple[Array, Optional[Array]]:
    """Both inputs in one type, float32 if both are."""
    first = as_array(x1, "x1")
    second = None if x2 is None or x2 is x1 else as_array(x2, "x2")
    if second is not None and first.dtype != second.dtype:
        first, second = first.astype(np.float64), second.astype(np.float64)
    check_finite(first, "x1")
    if second is not None:
        same_examples(first, second)
        check_finite(second, "x2")
    return first, second
