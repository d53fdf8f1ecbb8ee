"""The three functions of a layer: init_fn, apply_fn and kernel_fn."""

from __future__ import annotations

import collections
import errno
import functools
import hashlib
import math
import operator
import os
import pathlib
import warnings
from typing import TYPE_CHECKING, Any, Callable, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

from . import _core, plugins
from ._arrays import Array, as_array, check_finite, constant, number, pair, real_numbers
from ._progress import ProgressLike, reporter

if TYPE_CHECKING:
    from .stax import Layer

Get = Union[None, str, Sequence[str]]
Kernel = collections.namedtuple("Kernel", ("nngp", "ntk"))
Kernel.__doc__ = "The kernels of two sets of inputs, arrays of shape (n1, n2)."

#: Keywords of neural-tangents that say how kernels are computed, and those that would change them.
_IGNORED = frozenset({"diagonal_spatial", "rng", "key"})
_ABSENT = frozenset({"pattern", "mask_constant", "mask"})


class InexactWarning(UserWarning):
    """An expectation that is integrated numerically is less exact than was asked for."""


def names_of(get: Get, more: Tuple[str, ...] = ()) -> Tuple[str, ...]:
    """The kernels that `get` names, of 'nngp', 'ntk' and `more`. Raises ValueError for others."""
    if get is not None and not isinstance(get, (str, tuple, list)):
        raise ValueError(f"get must be 'nngp', 'ntk', both or None, not {get!r}")
    names = ("nngp", "ntk") if get is None else (get,) if isinstance(get, str) else tuple(get)
    for name in names:
        if name not in ("nngp", "ntk", *more):
            raise ValueError(f"get must be 'nngp', 'ntk', both or None, not {name!r}")
    if not names or len(set(names)) < len(names):
        raise ValueError(f"get must name kernels once each, not {get!r}")
    return names


def result_of(get: Get, values: Mapping[str, Any], title: str = "Kernel") -> Any:
    """What a function with an argument `get` returns: one value or a named tuple."""
    if isinstance(get, str):
        return values[get]
    names = names_of(get, tuple(values))
    if title == "Kernel" and names == ("nngp", "ntk"):
        return Kernel(**values)
    return _tuple_of(title, names)(**values)


@functools.lru_cache(maxsize=None)
def _tuple_of(title: str, names: Tuple[str, ...]) -> Any:
    """The type of named tuples with these names, whose values can be pickled."""
    def reduced(values: Any) -> Any:
        return _restored, (title, names, tuple(values))

    plain: Any = collections.namedtuple(title, names)  # type: ignore[misc, unused-ignore]
    return type(title, (plain,), {"__slots__": (), "__reduce__": reduced})


def _restored(title: str, names: Tuple[str, ...], values: Tuple[Any, ...]) -> Any:
    return _tuple_of(title, names)(*values)


def refuse_unknown(function: str, keywords: Mapping[str, Any]) -> None:
    for name, value in keywords.items():
        if name not in _IGNORED | _ABSENT:
            raise TypeError(f"{function} takes no argument {name!r}")
        if name in _ABSENT and value is not None:
            raise NotImplementedError(f"{function}: {name} must be None: masks and graphs are not there")


def require_axes(name: str, axes: Any, only: Tuple[int, ...]) -> None:
    """Refuses axes that make other kernels than those averaged over outputs, which there are."""
    if (tuple(axes) if isinstance(axes, (tuple, list)) else (axes,)) != only:
        raise NotImplementedError(f"{name} must be {only}: kernels are averages over the outputs, not {axes!r}")


def warn_inexact(layers: Sequence[str]) -> None:
    """Warns of layers that are integrated less exactly than asked for."""
    for text in layers:
        warnings.warn(text, InexactWarning, stacklevel=5)


class Operator:
    """The kernel of two sets of inputs, computed where it is asked for.

    ``K @ v`` and ``v @ K`` multiply without storing the kernel, ``K[rows, cols]`` computes the block of these rows and
    columns, ``np.asarray(K)`` all. ``K.linear_operator()`` is a scipy.sparse.linalg.LinearOperator. Every product computes
    all entries anew, which takes long for networks on images: keep ``np.asarray(K)`` where it fits in memory.

    x1, x2, get: as kernel_fn's, get of one kernel. The operator copies its inputs, so that it stays the same whatever
    happens to them; arrays that nobody can write to are taken as they are, as those of np.load(..., mmap_mode="r").
    Raises ValueError for what kernel_fn does not take.
    """

    ndim = 2
    __array_ufunc__ = None  # so that v @ K is not taken for arithmetic with an array

    def __init__(self, kernel_fn: "KernelFn", x1: Any, x2: Any = None, get: str = "nngp", threads: int = 0,
                 allowed_error: float = 1e-3):
        if not isinstance(kernel_fn, KernelFn):
            raise ValueError(f"kernel_fn must be that of a layer of nngp.stax, not a {type(kernel_fn).__name__}")
        if not isinstance(get, str):
            raise ValueError(f"an operator is of one kernel: get must be 'nngp' or 'ntk', not {get!r}")
        (self._name,) = names_of(get)
        first, second = pair(x1, x2)
        self._x1, self._x2 = constant(first), None if second is None else constant(second)
        self._kernel_fn, self._threads, self._allowed_error = kernel_fn, threads, allowed_error
        self._core = kernel_fn._bind(self._x1, self._x2, threads, allowed_error, None)
        self.dtype = self._x1.dtype
        self.shape: Tuple[int, int] = (self._core.rows, self._core.cols)

    def _window(self, row: int, col: int, rows: int, cols: int) -> Array:
        out = _empty((rows, cols), self.dtype)
        wanted = {self._name: out}
        self._core.compute(row, col, rows, cols, wanted.get("nngp"), wanted.get("ntk"), None)
        return out

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> Array:
        if copy is False:
            raise ValueError("a kernel that is not stored has to be computed: copy=False cannot be")
        array = self._window(0, 0, *self.shape)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __matmul__(self, other: Any) -> Array:
        vectors = np.asarray(other)
        if vectors.ndim not in (1, 2) or vectors.shape[0] != self.shape[1]:
            raise ValueError(f"a kernel of shape {self.shape} times an array of shape {vectors.shape}")
        out: Array = np.empty((self.shape[0],) + vectors.shape[1:], np.result_type(self.dtype, vectors.dtype))
        rows = max(1, min(self.shape[0], (1 << 22) // self.shape[1]))
        for begin in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - begin)
            out[begin:begin + count] = self._window(begin, 0, count, self.shape[1]) @ vectors
        return out

    def __rmatmul__(self, other: Any) -> Array:
        return (self.T @ np.asarray(other).T).T

    dot = __matmul__

    @property
    def T(self) -> "Operator":
        """Its transpose, an operator too."""
        if self._x2 is None:
            return self
        return Operator(self._kernel_fn, self._x2, self._x1, self._name, self._threads, self._allowed_error)

    def __getitem__(self, key: Any) -> Any:
        row, col = key if isinstance(key, tuple) and len(key) == 2 else (key, slice(None))
        rows, cols = np.arange(self.shape[0])[row], np.arange(self.shape[1])[col]
        if rows.ndim > 1 or cols.ndim > 1:
            raise IndexError("rows and columns are chosen by numbers, slices and arrays of one dimension")
        return self._block(np.atleast_1d(rows), np.atleast_1d(cols)).reshape(rows.shape + cols.shape)[()]

    def _block(self, rows: npt.NDArray[Any], cols: npt.NDArray[Any]) -> Array:
        if rows.size == 0 or cols.size == 0:
            return np.empty((rows.size, cols.size), self.dtype)
        height, width = int(np.ptp(rows)) + 1, int(np.ptp(cols)) + 1
        if height * width > 4 * rows.size * cols.size:  # scattered: the kernel of these inputs alone
            x2 = self._x1 if self._x2 is None else self._x2
            return Operator(self._kernel_fn, self._x1[rows], x2[cols], self._name, self._threads,
                            self._allowed_error).__array__()
        first_row, first_col = int(rows.min()), int(cols.min())
        block: Array = self._window(first_row, first_col, height, width)[np.ix_(rows - first_row, cols - first_col)]
        return block

    def linear_operator(self) -> Any:
        """The kernel for the solvers of scipy.sparse.linalg."""
        from scipy.sparse.linalg import LinearOperator
        return LinearOperator(self.shape, matvec=self.__matmul__, matmat=self.__matmul__, rmatvec=lambda v: self.T @ v,
                              rmatmat=lambda v: self.T @ v, dtype=self.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __reduce__(self) -> Any:
        return Operator, (self._kernel_fn, self._x1, self._x2, self._name, self._threads, self._allowed_error)

    def __repr__(self) -> str:
        return f"<{self._name} operator of shape {self.shape}, {self.dtype}>"


class KernelFn:
    """Kernels of an infinitely wide network, float64 or, for float32 inputs, float32."""

    def __init__(self, layer: "Layer"):
        self._layer = layer

    def __call__(self, x1: Any, x2: Any = None, get: Get = None, *, out: Any = None, threads: int = 0,
                 progress: ProgressLike = None, memory: int = 1 << 30, resume: bool = False, allowed_error: float = 1e-3,
                 **ignored: Any) -> Any:
        """The kernels of x1 with x2, or of x1 with itself.

        x1, x2: examples, (n, features), or for networks on signals, images and volumes (n, positions..., channels).
        get: 'nngp' or 'ntk', which returns an array (n1, n2), or both or None: a named tuple.
        out: an array to fill, or the path of a .npy file, which is written block by block with at most `memory`
            bytes and returned memory-mapped; with `resume` an interrupted run goes on. For both kernels a pair.
        threads: 0: as many as the process may use. Results do not depend on it.
        progress: True for a progress bar, or a function of (done, total), which are numbers of entries.
        allowed_error: the largest relative error of layers that are integrated numerically; an InexactWarning tells
            of those that are less exact than their tolerance.

        Raises ValueError for inputs that do not fit and kernels that are not finite or not exact, NotImplementedError
        where an activation has no function to compute them from, OSError for files, KeyboardInterrupt.
        """
        refuse_unknown("kernel_fn", ignored)
        names = names_of(get)
        if resume and not _is_path(out):
            raise ValueError("resume needs out, the path of the file that is to be completed")
        first, second = pair(x1, x2)
        with reporter(progress) as report:
            core = self._bind(first, second, threads, allowed_error, report)
            if _is_path(out):
                paths = _paths(names, out, (x1, x2))
                core.stream(paths.get("nngp", ""), paths.get("ntk", ""), min(whole(memory, "memory"), 1 << 62), bool(resume),
                            self._identity(names, first, second), report)
                return result_of(get, {name: np.load(path, mmap_mode="r") for name, path in paths.items()})
            arrays = _arrays((core.rows, core.cols), names, out, (first, second))
            core.compute(0, 0, core.rows, core.cols, arrays.get("nngp"), arrays.get("ntk"), report)
        return result_of(get, arrays)

    def operator(self, x1: Any, x2: Any = None, get: str = "nngp", *, threads: int = 0, allowed_error: float = 1e-3) -> Operator:
        """One kernel as an operator: nothing of size n1 x n2 is stored. It copies inputs that somebody may write to."""
        return Operator(self, x1, x2, get, threads, allowed_error)

    def _bind(self, first: Array, second: Optional[Array], threads: int, allowed_error: float, report: Any) -> Any:
        kind = _core.Operator32 if first.dtype == np.float32 else _core.Operator64
        core = kind(self._layer._core, first, second, threads_of(threads), bound_of(allowed_error), report)
        warn_inexact(core.inexact_layers)
        return core

    def _identity(self, names: Tuple[str, ...], first: Array, second: Optional[Array]) -> str:
        """A text that is another for another result: it says whether an interrupted run may be resumed."""
        digest = hashlib.sha256(repr((str(self._layer), names, first.dtype.str)).encode())
        for array in (first, second):
            digest.update(b"-" if array is None else repr(array.shape).encode() + np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def __repr__(self) -> str:
        return f"<kernel_fn of {self._layer}>"


def whole(value: Any, name: str, least: int = 0) -> int:
    """A whole number, of any kind, that is not below `least`."""
    try:
        index = operator.index(value)
    except TypeError:
        index = least - 1
    if index < least:
        raise ValueError(f"{name} must be a whole number from {least} on, not {value!r}")
    return index


def bound_of(allowed_error: Any) -> float:
    bound = number(allowed_error, "allowed_error")
    if not bound >= 0:
        raise ValueError(f"allowed_error must be a number from 0 on, not {allowed_error!r}")
    return bound


def threads_of(threads: Any) -> int:
    return min(whole(threads, "threads"), 1 << 20)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" + "s" * (number != 1)


def _is_path(out: Any) -> bool:
    first = out[0] if isinstance(out, (tuple, list)) and out else out
    return isinstance(first, (str, bytes, os.PathLike))


def _paths(names: Tuple[str, ...], out: Any, inputs: Tuple[Any, Any]) -> Dict[str, str]:
    given = list(out) if isinstance(out, (tuple, list)) else [out]
    if len(given) != len(names) or not all(map(_is_path, given)):
        raise ValueError(f"out needs {_count(len(names), 'path')}, one for each of {', '.join(names)}")
    paths = [os.fsdecode(path) for path in given]
    for path in map(pathlib.Path, paths):
        if "\0" in str(path):
            raise ValueError(f"out has a path with a null character, {str(path)!r}")
        if not path.parent.is_dir():
            raise FileNotFoundError(errno.ENOENT, f"there is no folder {path.parent}", str(path))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
    if len(set(map(os.path.realpath, paths))) < len(paths):
        raise ValueError(f"both paths of out are one file, {paths[0]!r}")
    mapped = {os.path.realpath(x.filename) for x in inputs if isinstance(x, np.memmap) and x.filename}
    for name in paths:
        if os.path.realpath(name) in mapped:
            raise ValueError(f"out is {name!r}, the file of an input")
    return dict(zip(names, paths))


def _empty(shape: Tuple[int, int], dtype: npt.DTypeLike) -> Array:
    """An array for results, aligned as the library writes it quickest."""
    try:
        array: Array = (_core.empty32 if dtype == np.float32 else _core.empty64)(*shape)
    except MemoryError:
        gibibytes = shape[0] * shape[1] * np.dtype(dtype).itemsize / (1 << 30)
        raise MemoryError(f"unable to allocate {gibibytes:.1f} GiB for a kernel of the shape {shape}; out= a path streams it to a "
                          "file") from None
    return array


def _arrays(shape: Tuple[int, int], names: Tuple[str, ...], out: Any,
            inputs: Tuple[Array, Optional[Array]]) -> Dict[str, Array]:
    dtype = inputs[0].dtype
    if out is None:
        return {name: _empty(shape, dtype) for name in names}
    given = list(out) if isinstance(out, (tuple, list)) else [out]
    if len(given) != len(names):
        raise ValueError(f"out needs {_count(len(names), 'array')}, one for each of {', '.join(names)}")
    for array in given:
        if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype \
                or not array.flags.writeable or not array.flags.aligned or array.strides[1] != array.itemsize \
                or array.strides[0] < shape[1] * array.itemsize or array.strides[0] % array.itemsize:
            raise ValueError(f"out must be a writable array of shape {shape} and type {np.dtype(dtype)} whose rows are "
                             "contiguous and do not overlap")
    if len(given) == 2 and given[0].strides != given[1].strides:
        raise ValueError("both arrays of out need the same strides")
    if len(given) == 2 and np.may_share_memory(*given):
        raise ValueError("both arrays of out share memory")
    if any(x is not None and np.may_share_memory(array, x) for array in given for x in inputs):
        raise ValueError("out shares memory with the inputs")
    return dict(zip(names, given))


def seed_of(key: Any) -> int:
    """The seed that a key stands for: an integer, an array of integers (as jax.random.PRNGKey gives), a numpy
    Generator or SeedSequence."""
    if isinstance(key, np.random.Generator):
        return int(key.integers(1 << 63))
    if isinstance(key, np.random.SeedSequence):
        return int(key.generate_state(1, np.uint64)[0])
    if isinstance(key, int):
        return key & 0xFFFFFFFFFFFFFFFF
    numbers = np.atleast_1d(np.asarray(key))
    if numbers.dtype.kind not in "iu":
        raise ValueError("a key is an integer, an array of integers or a numpy Generator")
    seed = 0
    for number in numbers.ravel().tolist():
        seed = ((seed << 32) ^ (int(number) & 0xFFFFFFFFFFFFFFFF)) & 0xFFFFFFFFFFFFFFFF
    return seed


class InitFn:
    """Samples the weights of a network with the widths that its layers name."""

    def __init__(self, layer: "Layer"):
        self._layer = layer

    def __call__(self, key: Any, input_shape: Sequence[int], *, dtype: Any = np.float64, threads: int = 0) -> Tuple[Tuple[int, ...], List[Any]]:
        """(output shape, weights) for inputs of `input_shape`, (examples, features) or (examples, positions...,
        channels); the number of examples does not matter and may be -1.

        The weights are a list of (W, b) for each layer that has some, b None without a bias. W has the shape (inputs,
        outputs); the inputs of a convolution are the channels of all taps of its filter, the last axis of the filter
        fastest, channels within: W.reshape(*filter_shape, channels, out_chan). The same key gives the same.
        """
        shape = tuple(input_shape) if np.iterable(input_shape) else (input_shape,)
        example = shape[1:]
        if not 2 <= len(shape) <= 5 or not all(isinstance(n, (int, np.integer)) and 0 < n < 1 << 31 for n in example) \
                or math.prod(map(int, example)) >= 1 << 47:
            raise ValueError(f"input_shape must be (examples, features) or (examples, positions..., channels), got {input_shape!r}")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ValueError(f"dtype must be float32 or float64, not {np.dtype(dtype)}")
        init = _core.init32 if np.dtype(dtype) == np.float32 else _core.init64
        core, positions = _flattened(self._layer._core, example)
        parameters = init(core, example, seed_of(key), threads_of(threads))
        return (shape[0], *positions, _core.out_dim(core, example) // math.prod(positions)), parameters


class ApplyFn:
    """The outputs of a network with given weights."""

    def __init__(self, layer: "Layer"):
        self._layer = layer

    def __call__(self, params: Any, inputs: Any, *, rng: Any = 0, threads: int = 0, **ignored: Any) -> Array:
        """Outputs of shape (examples, out_dim), or (examples, positions..., channels) of layers that end with positions.
        `rng` is a key for the masks of Dropout."""
        refuse_unknown("apply_fn", ignored)
        x = as_array(inputs, "inputs")
        check_finite(x, "inputs")
        weights = _weights(params, x.dtype)
        apply = _core.apply32 if x.dtype == np.float32 else _core.apply64
        core, positions = _flattened(self._layer._core, x.shape[1:])
        outputs: Array = apply(core, weights, x, seed_of(0 if rng is None else rng), threads_of(threads), None)
        return outputs.reshape(len(x), *positions, -1) if positions else outputs


def _flattened(core: Any, example: Sequence[int]) -> Tuple[Any, Tuple[int, ...]]:
    """Layers whose outputs have one position, and the positions that they had."""
    positions = tuple(_core.output_positions(core, example))
    if not positions:
        return core, positions
    return _core.serial([core, _core.parse_model("Flatten()", plugins.registry())]), positions


def _weights(params: Any, dtype: npt.DTypeLike) -> List[Tuple[Array, Optional[Array]]]:
    """The weights as init_fn returns them. Raises ValueError for others."""
    weights: List[Tuple[Array, Optional[Array]]] = []
    for dense in params if isinstance(params, (list, tuple)) else [None]:
        if not isinstance(dense, (tuple, list)) or len(dense) != 2:
            raise ValueError("params must be a list of (W, b), one for each layer with weights, as init_fn returns it")
        W, b = (None if a is None else np.ascontiguousarray(real_numbers(a, name), dtype) for name, a in zip("Wb", dense))
        for name, array in ("W", W), ("b", b):
            if array is not None:
                check_finite(array, f"params: {name}", examples=False)
        if W is None or W.ndim < 2 or 0 in W.shape:
            raise ValueError(f"params: W has the shape {np.shape(dense[0])}; (inputs, outputs) is wanted, as init_fn returns it")
        weights.append((W.reshape(-1, W.shape[-1]), None if b is None else b.reshape(1, -1)))
    return weights


def monte_carlo_kernel_fn(init_fn: Any, apply_fn: Any = None, key: Any = 0, n_samples: Union[int, Sequence[int]] = 100,
                          batch_size: int = 0, device_count: int = -1, store_on_device: bool = True,
                          trace_axes: Any = (-1,), diagonal_axes: Any = (), vmap_axes: Any = None,
                          implementation: Any = None) -> Callable[..., Any]:
    """A kernel_fn that averages the kernels of sampled networks (neural_tangents.monte_carlo_kernel_fn).

    Returns kernel_fn(x1, x2=None, get=None); with several `n_samples` a generator of its results. The mean has a
    standard error of about 1 / sqrt(n_samples width), and a bias of 1 / width. Arguments behind `n_samples` say in
    neural-tangents how to compute; `trace_axes` and `diagonal_axes` take what says that outputs are averaged.
    Raises ValueError for functions that are not of a layer of nngp.stax, or not both of the same.
    """
    require_axes("trace_axes", trace_axes, (-1,))
    require_axes("diagonal_axes", diagonal_axes, ())
    layer = getattr(init_fn, "_layer", init_fn)
    if not hasattr(layer, "_core"):
        raise ValueError(f"init_fn must be that of a layer of nngp.stax, not a {type(init_fn).__name__}")
    if apply_fn is not None and getattr(apply_fn, "_layer", apply_fn) != layer:
        raise ValueError(f"apply_fn must be that of the layer of init_fn, or None, not {apply_fn!r}")
    seed = seed_of(key)
    counts = [whole(n, "n_samples", 1) for n in (n_samples if isinstance(n_samples, (tuple, list, range, np.ndarray)) else [n_samples])]

    def once(x1: Any, x2: Any, get: Get, samples: int, threads: int, progress: Any) -> Any:
        names = names_of(get)
        first, second = pair(x1, x2)
        compute = _core.monte_carlo32 if first.dtype == np.float32 else _core.monte_carlo64
        with reporter(progress) as report:
            nngp, _, ntk, _ = compute(layer._core, first, second, "nngp" in names, "ntk" in names, seed, samples,
                                      threads_of(threads), report)
        return result_of(get, {name: value for name, value in (("nngp", nngp), ("ntk", ntk)) if name in names})

    def kernel_fn(x1: Any, x2: Any = None, get: Get = None, *, threads: int = 0, progress: Any = None, **keywords: Any) -> Any:
        refuse_unknown("kernel_fn", keywords)
        if np.ndim(n_samples) == 0:
            return once(x1, x2, get, counts[0], threads, progress)
        return (once(x1, x2, get, count, threads, progress) for count in counts)

    return kernel_fn


def batch(kernel_fn: Any, batch_size: int = 0, device_count: int = -1, store_on_device: bool = True) -> Any:
    """Accepted as in neural-tangents: kernels are computed in tiles anyway, on all cores."""
    return kernel_fn
