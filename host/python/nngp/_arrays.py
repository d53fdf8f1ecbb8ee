"""Inputs as matrices of float64 or float32, one example a row."""

from __future__ import annotations

from typing import Any, Optional, Tuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def as_array(x: Any, name: str = "x") -> Array:
    """Anything with rows of numbers: arrays, lists, data frames, __array__, DLPack. Float32 stays, all else
    becomes float64; nothing is copied that need not be. Raises ValueError for another shape or for NaN."""
    if not hasattr(x, "__array__") and hasattr(x, "__dlpack__"):
        x = np.from_dlpack(x)
    if np.ma.is_masked(x):
        raise ValueError(f"{name} has masked entries; leave such rows out")
    array = np.asarray(x)
    if array.dtype.kind in "cMm":
        raise ValueError(f"{name} must be real numbers, not {array.dtype}")
    if array.dtype.kind not in "fiub":
        try:
            array = array.astype(float)
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be numbers, not {array.dtype}") from None
    if array.ndim == 1:
        raise ValueError(f"{name} has one dimension; one example a row: {name}.reshape(-1, 1) for one feature, "
                         f"{name}.reshape(1, -1) for one example")
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {array.shape}; one example a row is wanted, of shape (examples, features)")
    if 0 in array.shape:
        raise ValueError(f"{name} has the shape {array.shape}: it is empty")
    dtype = np.float32 if array.dtype in (np.float32, np.float16) else np.float64
    array = array.astype(dtype, copy=False)
    if array.strides[1] != array.itemsize or array.strides[0] % array.itemsize or array.strides[0] < 0 \
            or not array.flags.aligned or not array.dtype.isnative:
        array = np.ascontiguousarray(array)
    return array


def check_finite(array: Array, name: str) -> None:
    """Raises ValueError that names the first entry that is NaN or infinite."""
    # A sum is finite unless an entry is not, or it overflows.
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(array.sum()):
            return
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        row, column = bad[0]
        raise ValueError(f"{name} is {array[row, column]} in row {row}, column {column}; leave such rows out")


def pair(x1: Any, x2: Any) -> Tuple[Array, Optional[Array]]:
    """Both inputs in one type, float32 if both are."""
    first = as_array(x1, "x1")
    second = None if x2 is None or x2 is x1 else as_array(x2, "x2")
    if second is not None and first.dtype != second.dtype:
        first, second = first.astype(np.float64), second.astype(np.float64)
    if second is not None and first.shape[1] != second.shape[1]:
        raise ValueError(f"x1 has {first.shape[1]} features, x2 has {second.shape[1]}; both need the same")
    check_finite(first, "x1")
    if second is not None:
        check_finite(second, "x2")
    return first, second
