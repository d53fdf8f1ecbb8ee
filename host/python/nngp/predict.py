"""What infinitely wide networks predict, under the names of `neural_tangents.predict`."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _core
from ._arrays import Array, as_array, check_finite, same_examples
from ._kernel import Get, KernelFn, bound_of, names_of, refuse_unknown, result_of, threads_of, warn_inexact
from ._progress import ProgressLike, reporter


class Gaussian(NamedTuple):
    """Mean, (examples, outputs), and covariance, (examples, examples), the same for every output."""
    mean: Any
    covariance: Any


def _targets(y: Any, name: str = "y_train") -> Array:
    array = np.asarray(y, dtype=np.float64)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {array.shape}; one example a row is wanted")
    array = np.ascontiguousarray(array)
    check_finite(array, name)
    return array


def _regularised(kernel: Array, diag_reg: float, absolute: bool) -> Array:
    shift = diag_reg if absolute else diag_reg * np.trace(kernel) / len(kernel)
    return kernel + shift * np.eye(len(kernel))


def _matrix(kernel: Any, name: str) -> Array:
    array = np.asarray(kernel, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} has the shape {array.shape}; a matrix is wanted")
    check_finite(array, name)
    return array


def _square(kernel: Any, n: int, name: str = "k_train_train") -> Array:
    array = _matrix(kernel, name)
    if array.shape != (n, n):
        raise ValueError(f"{name} has the shape {array.shape}; {n} targets need ({n}, {n})")
    return _symmetric(array, name)


def _symmetric(kernel: Array, name: str) -> Array:
    if kernel.shape[0] != kernel.shape[1]:
        raise ValueError(f"{name} has the shape {kernel.shape}; a kernel of inputs with themselves is square")
    uneven = np.abs(kernel - kernel.T).max()
    if uneven > 1e-6 * np.abs(kernel).max():
        raise ValueError(f"{name} is not symmetric: entries differ from those mirrored by up to {uneven:.2g}")
    return kernel


def _stacked(arrays: Sequence[Any], times: Any) -> Array:
    """Arrays for each of `times`, whose axes come first."""
    return np.stack(list(arrays)).reshape(np.shape(times) + np.shape(arrays[0]))


def _growth(values: Array, t: Optional[float], learning_rate: float, size: float) -> Array:
    """(1 - exp(-learning_rate t value / size)) / value, for the eigenvalues of a kernel."""
    if t is None:
        return 1 / values
    rate = learning_rate * t / size
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values != 0, -np.expm1(-rate * values) / values, rate)


def gradient_descent_mse(k_train_train: Any, y_train: Any, learning_rate: float = 1.0, diag_reg: float = 0.0,
                         diag_reg_absolute_scale: bool = False, trace_axes: Any = (-1,)) -> Callable[..., Any]:
    """Outputs of a network that is linear in its weights under gradient descent on 1 / (2 y.size) |f - y|^2.

    k_train_train: (n, n), the NTK of the training inputs. y_train: (n, outputs).
    Returns predict_fn(t=None, fx_train_0=0., fx_test_0=None, k_test_train=None): the outputs for the training
    inputs after time t (None: for ever), with fx_test_0 and k_test_train, (n_test, n), also those for test inputs.
    Source: Lee et al., arXiv 1902.06720, equations 10 and 11.
    """
    y = _targets(y_train)
    kernel = _regularised(_square(k_train_train, len(y)), diag_reg, diag_reg_absolute_scale)
    values, vectors = np.linalg.eigh(kernel)

    def at(t: Optional[float], fx_train_0: Any, fx_test_0: Any, k_test_train: Any) -> Any:
        if t is not None and not t >= 0:
            raise ValueError(f"the time t must be from 0 on, not {t}")
        start = np.zeros_like(y) if fx_train_0 is None else np.broadcast_to(np.asarray(fx_train_0, float), y.shape)
        rest = vectors.T @ (start - y)
        decay = np.zeros_like(values) if t is None else np.exp(-learning_rate * t / y.size * values)
        train = vectors @ (decay[:, None] * rest) + y
        if fx_test_0 is None:
            return train
        if k_test_train is None:
            raise ValueError("predictions for test inputs need k_test_train")
        step = vectors @ (_growth(values, t, learning_rate, y.size)[:, None] * rest)
        test = np.asarray(fx_test_0, float) - _matrix(k_test_train, "k_test_train") @ step
        return (None if fx_train_0 is None else train), test

    def predict_fn(t: Any = None, fx_train_0: Any = 0.0, fx_test_0: Any = None, k_test_train: Any = None) -> Any:
        """Outputs after time `t`, or for an array of times with the times as the first axis."""
        if t is None or np.ndim(t) == 0:
            return at(t, fx_train_0, fx_test_0, k_test_train)
        results = [at(float(time), fx_train_0, fx_test_0, k_test_train) for time in np.ravel(t)]
        if isinstance(results[0], tuple):
            return tuple(None if part[0] is None else _stacked(part, t) for part in zip(*results))
        return _stacked(results, t)

    return predict_fn


def gp_inference(k_train_train: Any, y_train: Any, diag_reg: float = 0.0, diag_reg_absolute_scale: bool = False,
                 trace_axes: Any = (-1,)) -> Callable[..., Any]:
    """Gaussian process inference with kernels that are given: the NNGP posterior, or the NTK ensemble at t = inf.

    k_train_train: a named tuple with nngp and ntk, or one array, (n, n). Returns
    predict_fn(get=None, k_test_train=None, k_test_test=None): a mean, or with k_test_test a Gaussian, for each of
    `get`. `k_test_test` is the NNGP (or tuple) of the test inputs, (n_test, n_test) or its diagonal.
    """
    y = _targets(y_train)
    is_tuple = hasattr(k_train_train, "nngp") or hasattr(k_train_train, "ntk")

    def of(kernels: Any, name: str) -> Any:
        return getattr(kernels, name) if hasattr(kernels, name) else kernels

    def predict_one(name: str, k_test_train: Any, k_test_test: Any) -> Any:
        kernel = _regularised(_square(of(k_train_train, name), len(y)), diag_reg, diag_reg_absolute_scale)
        if k_test_train is None:
            cross = _square(of(k_train_train, name), len(y))
        else:
            cross = _matrix(of(k_test_train, name), "k_test_train")
        try:
            np.linalg.cholesky(kernel)
        except np.linalg.LinAlgError:
            raise ValueError("k_train_train is not positive definite to rounding; a larger diag_reg makes it so") from None
        mean = cross @ np.linalg.solve(kernel, y)
        if k_test_test is None:
            return mean
        prior = np.asarray(of(k_test_test, "nngp"), float)
        weights = np.linalg.solve(kernel, cross.T)
        if name == "nngp":
            return Gaussian(mean, prior - cross @ weights)
        nngp_train, nngp_cross = of(k_train_train, "nngp"), of(k_test_train, "nngp")
        mixed = np.asarray(nngp_cross) @ weights
        return Gaussian(mean, prior + weights.T @ np.asarray(nngp_train) @ weights - mixed - mixed.T)

    def predict_fn(get: Get = None, k_test_train: Any = None, k_test_test: Any = None, **kwargs: Any) -> Any:
        k_test_test = kwargs.get("nngp_test_test", k_test_test)
        if get is None:
            get = tuple(n for n in ("nngp", "ntk") if getattr(k_train_train, n, None) is not None) if is_tuple else "nngp"
        names = names_of(get)
        results = [predict_one(name, k_test_train, k_test_test) for name in names]
        return result_of(get, dict(zip(names, results)), "Predictions")

    return predict_fn


def max_learning_rate(ntk_train_train: Any, y_train_size: Optional[int] = None, momentum: float = 0.0,
                      eps: float = 1e-12) -> float:
    """The largest stable learning rate of full-batch gradient descent on 1 / (2 y.size) |f - y|^2."""
    kernel = _symmetric(_matrix(ntk_train_train, "ntk_train_train"), "ntk_train_train")
    size = kernel.shape[0] if y_train_size is None else y_train_size
    largest = np.linalg.eigvalsh(kernel)[-1]
    return float(2 * (1 + momentum) * size / (largest + eps))


def predictor_of(kernel_fn: KernelFn, x: Array, y: Array, *, ntk: bool, diag_reg: float, absolute: bool = False,
                 learning_rate: float = 1.0, eigensystem: bool = False, threads: int = 0, progress: Any = None,
                 allowed_error: float = 1e-3) -> Any:
    """What predicts at further inputs, from training inputs of float64 or float32 and targets of float64."""
    kind = _core.Predictor32 if x.dtype == np.float32 else _core.Predictor64
    made = kind(kernel_fn._layer._core, x, y, ntk, diag_reg, absolute, learning_rate, eigensystem, threads_of(threads),
                bound_of(allowed_error), progress)
    warn_inexact(made.inexact_layers)
    return made


def gradient_descent_mse_ensemble(kernel_fn: KernelFn, x_train: Any, y_train: Any, learning_rate: float = 1.0,
                                  diag_reg: float = 0.0, diag_reg_absolute_scale: bool = False,
                                  trace_axes: Any = (-1,), *, threads: int = 0, progress: ProgressLike = None,
                                  allowed_error: float = 1e-3, **ignored: Any) -> Callable[..., Any]:
    """An infinite ensemble of infinitely wide networks under gradient descent on the mean squared error.

    kernel_fn: of a network of this package. x_train: (n, features) or (n, positions..., channels), y_train: (n, outputs).
    Returns predict_fn(t=None, x_test=None, get=None, compute_cov=False): after time t (None: for ever) the mean,
    (n_test, outputs), or with compute_cov a Gaussian of mean and covariance; 'nngp': only the last layer is
    trained, which is the posterior of a Gaussian process, 'ntk': all layers are. x_test=None: the training inputs.
    The mean is a float64 array whatever the inputs are. Raises ValueError for shapes that do not fit and kernels that are
    not positive definite. threads, progress, allowed_error: as kernel_fn's.
    Source: Lee et al., arXiv 1902.06720, equations 13 to 16.
    """
    refuse_unknown("gradient_descent_mse_ensemble", ignored)
    if not isinstance(kernel_fn, KernelFn):
        raise ValueError("kernel_fn must be that of a layer of nngp.stax; for kernels of your own use gp_inference")
    x = as_array(x_train, "x_train").copy()  # predictions go back to it
    check_finite(x, "x_train")
    y = _targets(y_train)
    if len(x) != len(y):
        raise ValueError(f"x_train has {len(x)} examples, y_train has {len(y)}")
    made: Dict[Tuple[str, bool], Any] = {}

    def predictor(name: str, finite_time: bool) -> Any:
        key = (name, finite_time)
        if key not in made:
            with reporter(progress) as report:
                made[key] = predictor_of(kernel_fn, x, y, ntk=name == "ntk", diag_reg=diag_reg,
                                         absolute=diag_reg_absolute_scale, learning_rate=learning_rate,
                                         eigensystem=finite_time, threads=threads, progress=report,
                                         allowed_error=allowed_error)
        return made[key]

    def at(t: Optional[float], test: Array, names: Tuple[str, ...], compute_cov: bool) -> List[Any]:
        results = []
        for name in names:
            mean, _, covariance = predictor(name, t is not None).predict(test, "covariance" if compute_cov else "none", t, None)
            results.append(Gaussian(mean, covariance) if compute_cov else mean)
        return results

    def predict_fn(t: Any = None, x_test: Any = None, get: Get = None, compute_cov: bool = False, **ignored: Any) -> Any:
        refuse_unknown("predict_fn", ignored)
        names = names_of(get)
        t = None if t is not None and np.ndim(t) == 0 and np.isposinf(t) else t
        test = x if x_test is None else as_array(x_test, "x_test").astype(x.dtype, copy=False)
        same_examples(x, test, ("x_train", "x_test"))
        check_finite(test, "x_test")
        if t is None or np.ndim(t) == 0:
            results = at(None if t is None else float(t), test, names, compute_cov)
        else:
            each = [at(float(time), test, names, compute_cov) for time in np.ravel(t)]
            results = [Gaussian(_stacked([e[i].mean for e in each], t), _stacked([e[i].covariance for e in each], t))
                       if compute_cov else _stacked([e[i] for e in each], t) for i in range(len(names))]
        return result_of(get, dict(zip(names, results)), "Predictions")

    return predict_fn
