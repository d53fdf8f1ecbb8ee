"""The three functions of a layer: init_fn, apply_fn and kernel_fn."""

from __future__ import annotations

import collections
import hashlib
import os
from typing import TYPE_CHECKING, Any, Callable, List, Optional, Sequence, Tuple, Union

import numpy as np

from . import _core
from ._arrays import as_array, check_finite, pair
from ._progress import reporter

if TYPE_CHECKING:
    from .stax import Layer

Get = Union[None, str, Sequence[str]]
Kernel = collections.namedtuple("Kernel", ("nngp", "ntk"))
Kernel.__doc__ = "The kernels of two sets of inputs, arrays of shape (n1, n2)."


def _names(get: Get) -> Tuple[str, ...]:
    names = ("nngp", "ntk") if get is None else (get,) if isinstance(get, str) else tuple(get)
    for name in names:
        if name not in ("nngp", "ntk"):
            raise ValueError(f"get must be 'nngp', 'ntk', both or None, not {name!r}")
    if not names:
        raise ValueError("get is empty")
    return names


def _result(get: Get, names: Tuple[str, ...], arrays: dict) -> Any:
    if isinstance(get, str):
        return arrays[get]
    if set(names) == {"nngp", "ntk"} and names[0] == "nngp":
        return Kernel(arrays["nngp"], arrays["ntk"])
    return collections.namedtuple("Kernel", names)(*(arrays[name] for name in names))  # type: ignore[misc]


class Operator:
    """The kernel of two sets of inputs, computed where it is asked for.

    ``K @ v`` multiplies without storing the kernel, ``K[rows, cols]`` computes a part, ``np.asarray(K)`` all.
    ``K.linear_operator()`` is a scipy.sparse.linalg.LinearOperator.
    """

    def __init__(self, core: Any, name: str, dtype: Any):
        self._core, self._name = core, name
        self.dtype = np.dtype(dtype)
        self.shape = (core.rows, core.cols)

    ndim = 2

    def _window(self, row: int, col: int, rows: int, cols: int) -> np.ndarray:
        out = np.empty((rows, cols), self.dtype)
        if out.size:
            arrays = {"nngp": None, "ntk": None, self._name: out}
            self._core.compute(row, col, rows, cols, arrays["nngp"], arrays["ntk"], None)
        return out

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> np.ndarray:
        array = self._window(0, 0, *self.shape)
        return array if dtype is None else array.astype(dtype, copy=False)

    def __matmul__(self, other: Any) -> np.ndarray:
        vectors = np.asarray(other)
        if vectors.ndim not in (1, 2) or vectors.shape[0] != self.shape[1]:
            raise ValueError(f"a kernel of shape {self.shape} times an array of shape {vectors.shape}")
        out = np.empty((self.shape[0],) + vectors.shape[1:], np.result_type(self.dtype, vectors.dtype))
        rows = max(1, min(self.shape[0], (1 << 24) // self.shape[1]))
        for begin in range(0, self.shape[0], rows):
            count = min(rows, self.shape[0] - begin)
            out[begin:begin + count] = self._window(begin, 0, count, self.shape[1]) @ vectors
        return out

    dot = __matmul__

    @property
    def T(self) -> "np.ndarray":
        if self._core.symmetric:
            return self  # type: ignore[return-value]
        return np.asarray(self).T

    def __getitem__(self, key: Any) -> Any:
        row, col = key if isinstance(key, tuple) else (key, slice(None))
        rows = np.arange(self.shape[0])[row]
        cols = np.arange(self.shape[1])[col]
        r, c = np.atleast_1d(rows), np.atleast_1d(cols)
        if r.size == 0 or c.size == 0:
            return np.empty(np.shape(rows) + np.shape(cols), self.dtype)
        block = self._window(int(r.min()), int(c.min()), int(np.ptp(r)) + 1, int(np.ptp(c)) + 1)
        block = block[np.ix_(r - r.min(), c - c.min())]
        return block.reshape(np.shape(rows) + np.shape(cols))[()]

    def linear_operator(self) -> Any:
        from scipy.sparse.linalg import LinearOperator
        transposed = self if self._core.symmetric else None

        def rmatvec(v: Any) -> Any:
            return transposed @ v if transposed is not None else np.asarray(self).T @ v
        return LinearOperator(self.shape, matvec=self.__matmul__, matmat=self.__matmul__, rmatvec=rmatvec,
                              dtype=self.dtype)

    def __repr__(self) -> str:
        return f"<{self._name} operator of shape {self.shape}, {self.dtype}>"


class KernelFn:
    """Kernels of an infinitely wide network, float64 or, for float32 inputs, float32."""

    def __init__(self, layer: "Layer"):
        self._layer = layer

    def __call__(self, x1: Any, x2: Any = None, get: Get = None, *, out: Any = None, threads: int = 0,
                 progress: Any = None, memory: int = 1 << 30, resume: bool = False, allowed_error: float = 1e-3, **_: Any) -> Any:
        """The kernels of x1, (n1, features), with x2, (n2, features), or of x1 with itself.

        get: 'nngp' or 'ntk', which returns an array (n1, n2), or both or None: a named tuple.
        out: an array to fill, or the path of a .npy file, which is written block by block with at most `memory`
            bytes and returned memory-mapped; with `resume` an interrupted run goes on. For both kernels a pair.
        threads: 0: as many as the machine has. Results do not depend on it.
        progress: True for a progress bar, or a function of (done, total).
        allowed_error: layers that are integrated with a larger relative error are refused.

        Raises ValueError for inputs that do not fit and kernels that are not finite, NotImplementedError where
        an activation has no function to compute them from.
        """
        names = _names(get)
        first, second = pair(x1, x2)
        with reporter(progress) as report:
            core = self._operator(first, second, threads, report, allowed_error)
            if out is not None and _is_path(out, names):
                return self._stream(core, get, names, first, second, out, memory, resume, report)
            arrays = self._arrays(core, names, out, first.dtype)
            core.compute(0, 0, core.rows, core.cols, arrays.get("nngp"), arrays.get("ntk"), report)
        return _result(get, names, arrays)

    def operator(self, x1: Any, x2: Any = None, get: str = "nngp", *, threads: int = 0, allowed_error: float = 1e-3) -> Operator:
        """One kernel as an operator: nothing of size n1 x n2 is stored."""
        (name,) = _names(get)
        first, second = pair(x1, x2)
        return Operator(self._operator(first, second, threads, None, allowed_error), name, first.dtype)

    def _operator(self, first: np.ndarray, second: Optional[np.ndarray], threads: int, report: Any, allowed_error: float) -> Any:
        kind = _core.Operator32 if first.dtype == np.float32 else _core.Operator64
        return kind(self._layer._core, first, second, threads, allowed_error, report)

    @staticmethod
    def _arrays(core: Any, names: Tuple[str, ...], out: Any, dtype: Any) -> dict:
        shape = (core.rows, core.cols)
        if out is None:
            return {name: np.empty(shape, dtype) for name in names}
        given = (out,) if len(names) == 1 and isinstance(out, np.ndarray) else tuple(out)
        if len(given) != len(names):
            raise ValueError(f"out needs {len(names)} arrays, one for each of {', '.join(names)}")
        for array in given:
            if not isinstance(array, np.ndarray) or array.shape != shape or array.dtype != dtype \
                    or not array.flags.writeable or array.strides[1] != array.itemsize:
                raise ValueError(f"out must be a writable array of shape {shape} and type {np.dtype(dtype)} whose rows are contiguous")
        if len(given) == 2 and given[0].strides != given[1].strides:
            raise ValueError("both arrays of out need the same strides")
        return dict(zip(names, given))

    def _stream(self, core: Any, get: Get, names: Tuple[str, ...], first: np.ndarray, second: Optional[np.ndarray],
                out: Any, memory: int, resume: bool, report: Any) -> Any:
        paths = [out] if len(names) == 1 and not isinstance(out, (tuple, list)) else list(out)
        if len(paths) != len(names):
            raise ValueError(f"out needs {len(names)} paths, one for each of {', '.join(names)}")
        by_name = {name: os.fspath(path) for name, path in zip(names, paths)}
        digest = hashlib.sha256(repr((str(self._layer), names, first.dtype.str)).encode())
        for array in (first, second):
            digest.update(b"-" if array is None else np.ascontiguousarray(array).data)
        core.stream(by_name.get("nngp"), by_name.get("ntk"), memory, resume, digest.hexdigest(), report)
        return _result(get, names, {name: np.load(path, mmap_mode="r") for name, path in by_name.items()})

    def __repr__(self) -> str:
        return f"<kernel_fn of {self._layer}>"


def _is_path(out: Any, names: Tuple[str, ...]) -> bool:
    first = out[0] if isinstance(out, (tuple, list)) and out else out
    return isinstance(first, (str, os.PathLike))


def seed_of(key: Any) -> int:
    """The seed that a key stands for: an integer, an array of integers (as jax.random.PRNGKey gives), a numpy
    Generator or SeedSequence."""
    if isinstance(key, np.random.Generator):
        return int(key.integers(1 << 63))
    if isinstance(key, np.random.SeedSequence):
        return int(key.generate_state(1, np.uint64)[0])
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
        """(output shape, weights) for inputs of `input_shape`, (examples, features); -1 where it does not matter.

        The weights are a list of (W, b) for each Dense layer, b None without a bias. The same key gives the same.
        """
        shape = tuple(input_shape)
        if len(shape) != 2 or not shape[1] or shape[1] < 1:
            raise ValueError(f"input_shape must be (examples, features), got {shape}")
        init = _core.init32 if np.dtype(dtype) == np.float32 else _core.init64
        parameters = init(self._layer._core, shape[1], seed_of(key), threads)
        return (shape[0], _core.output_shape(self._layer._core, shape[1])), parameters


class ApplyFn:
    """The outputs of a network with given weights."""

    def __init__(self, layer: "Layer"):
        self._layer = layer

    def __call__(self, params: Any, inputs: Any, *, rng: Any = 0, threads: int = 0, **_: Any) -> np.ndarray:
        """Outputs of shape (examples, out_dim). `rng` is a key for the masks of Dropout."""
        x = as_array(inputs, "inputs")
        check_finite(x, "inputs")
        dtype = x.dtype
        weights = [tuple(None if a is None else np.ascontiguousarray(a, dtype) for a in dense) for dense in params]
        apply = _core.apply32 if dtype == np.float32 else _core.apply64
        return apply(self._layer._core, weights, x, seed_of(0 if rng is None else rng), threads, None)


def monte_carlo_kernel_fn(init_fn: Any, apply_fn: Any = None, key: Any = 0, n_samples: Union[int, Sequence[int]] = 100, **_: Any) -> Callable:
    """A kernel_fn that averages the kernels of sampled networks (neural_tangents.monte_carlo_kernel_fn).

    Returns kernel_fn(x1, x2=None, get=None); with several `n_samples` a generator of its results. The mean has a
    standard error of about 1 / sqrt(n_samples width), and a bias of 1 / width.
    """
    layer = getattr(init_fn, "_layer", init_fn)
    seed = seed_of(key)

    def once(x1: Any, x2: Any, get: Get, samples: int, threads: int, progress: Any) -> Any:
        names = _names(get)
        first, second = pair(x1, x2)
        compute = _core.monte_carlo32 if first.dtype == np.float32 else _core.monte_carlo64
        with reporter(progress) as report:
            nngp, _, ntk, _ = compute(layer._core, first, second, "nngp" in names, "ntk" in names, seed, samples,
                                      threads, report)
        return _result(get, names, {"nngp": nngp, "ntk": ntk})

    def kernel_fn(x1: Any, x2: Any = None, get: Get = None, *, threads: int = 0, progress: Any = None, **_: Any) -> Any:
        if isinstance(n_samples, (int, np.integer)):
            return once(x1, x2, get, int(n_samples), threads, progress)
        return (once(x1, x2, get, int(n), threads, progress) for n in n_samples)

    return kernel_fn


def batch(kernel_fn: Any, batch_size: int = 0, device_count: int = -1, store_on_device: bool = True, **_: Any) -> Any:
    """Accepted as in neural-tangents: kernels are computed in tiles anyway, on all cores."""
    return kernel_fn
