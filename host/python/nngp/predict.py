"""What infinitely wide networks predict, under the names of `neural_tangents.predict`."""

from __future__ import annotations

import functools
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from . import _core
from ._arrays import Array, as_array, check_finite, number, real_numbers, same_examples
from ._kernel import Get, Kernel, KernelFn, bound_of, names_of, refuse_unknown, require_axes, result_of, threads_of, warn_inexact, whole
from ._progress import ProgressLike, reporter


class _Predictor:
    """A function that predicts. Pickled it is `make` and its arguments, without what it has computed and keeps."""

    def __init__(self, predict_fn: Callable[..., Any], make: Callable[..., Any], *arguments: Any):
        functools.update_wrapper(self, predict_fn)
        self._predict_fn, self._made_by = predict_fn, (make, arguments)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._predict_fn(*args, **kwargs)

    def __reduce__(self) -> Any:
        return self._made_by


class Gaussian(NamedTuple):
    """Mean, (examples, outputs), and covariance, (examples, examples), the same for every output."""
    mean: Any
    covariance: Any


def _targets(y: Any, name: str = "y_train") -> Array:
    array = real_numbers(y, name).astype(np.float64, copy=False)
    if array.ndim == 1:
        array = array.reshape(-1, 1)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has the shape {array.shape}; one example a row is wanted")
    array = np.array(array, order="C")  # a copy: predictors keep the targets that they were given
    check_finite(array, name)
    return array


def _regularised(kernel: Array, diag_reg: float, absolute: bool) -> Array:
    shift = diag_reg if absolute else diag_reg * np.trace(kernel) / len(kernel)
    return kernel + shift * np.eye(len(kernel))


def _matrix(kernel: Any, name: str) -> Array:
    array = real_numbers(kernel, name).astype(np.float64, copy=False)
    if array.ndim != 2 or 0 in array.shape:
        raise ValueError(f"{name} has the shape {array.shape}; a matrix is wanted")
    check_finite(array, name, examples=False)
    return array


def _rows(kernel: Any, count: int, name: str = "k_test_train") -> Array:
    """A kernel of some inputs with `count` training inputs."""
    array = _matrix(kernel, name)
    if array.shape[1] != count:
        raise ValueError(f"{name} has the shape {array.shape}; {count} training inputs need (n_test, {count})")
    return array


def _outputs(fx: Any, shape: Tuple[int, int], name: str) -> Array:
    """Outputs of a network, or one number for all."""
    array = real_numbers(fx, name).astype(np.float64, copy=False)
    try:
        return np.broadcast_to(array, shape)
    except ValueError:
        raise ValueError(f"{name} has the shape {array.shape}, not {shape}") from None


def _not_negative(value: Any, name: str) -> float:
    result = number(value, name)
    if not 0 <= result < np.inf:
        raise ValueError(f"{name} is {value}; it must be 0 or more")
    return result


def _positive(value: Any, name: str) -> float:
    result = number(value, name)
    if not 0 < result < np.inf:
        raise ValueError(f"{name} is {value}; it must be above 0")
    return result


def _times(t: Any) -> List[Optional[float]]:
    """A training time, or an array of some; None for ever, as infinity is."""
    if t is None:
        return [None]
    times = [float(time) for time in np.ravel(real_numbers(t, "t"))]
    for time in times:
        if not time >= 0:
            raise ValueError(f"the training time is {time:g}; it must be 0 or more")
    if not times:
        raise ValueError("t has no time")
    return [None if np.isinf(time) else time for time in times]


def _square(kernel: Any, n: int, name: str = "k_train_train") -> Array:
    array = _matrix(kernel, name)
    if array.shape != (n, n):
        raise ValueError(f"{name} has the shape {array.shape}; {n} targets need ({n}, {n})")
    return _symmetric(array, name).copy()  # predictors keep the kernel that they were given


def _check_semidefinite(values: Array, name: str) -> None:
    """Raises ValueError for a kernel with these eigenvalues, in ascending order, if some are negative beyond what relative
    errors of 1e-6, as of float32, make of a kernel's entries."""
    if values[0] < -1e-6 * np.linalg.norm(values):
        raise ValueError(f"{name} is not positive semidefinite: it has eigenvalues from {values[0]:.3g} to {values[-1]:.3g}; "
                         "give the kernel of inputs with themselves, or a larger diagonal")


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
    """(1 - exp(-learning_rate t value / size)) / value, for the eigenvalues of a kernel; for ever, 0 of 0: nothing is learned."""
    if t is None:
        return np.divide(1, values, out=np.zeros_like(values), where=values != 0)
    rate = learning_rate * t / size
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(values != 0, -np.expm1(-rate * values) / values, rate)


def gradient_descent_mse(k_train_train: Any, y_train: Any, learning_rate: float = 1.0, diag_reg: float = 0.0,
                         diag_reg_absolute_scale: bool = False, trace_axes: Any = (-1,)) -> Callable[..., Any]:
    """Outputs of a network that is linear in its weights under gradient descent on 1 / (2 y.size) |f - y|^2.

    k_train_train: (n, n), the NTK of the training inputs. y_train: (n, outputs).
    Returns predict_fn(t=None, fx_train_0=0., fx_test_0=None, k_test_train=None): the outputs for the training
    inputs after time t (None: for ever), with fx_test_0 and k_test_train, (n_test, n), also those for test inputs, and with
    fx_train_0=None those alone.
    Raises ValueError for what does not fit, and for a kernel that is not symmetric and, diag_reg added, positive semidefinite.
    Source: Lee et al., arXiv 1902.06720, equations 10 and 11.
    """
    require_axes("trace_axes", trace_axes, (-1,))
    y, rate, shift = _targets(y_train), _positive(learning_rate, "learning_rate"), _not_negative(diag_reg, "diag_reg")
    kernel = _square(k_train_train, len(y))
    values, vectors = np.linalg.eigh(_regularised(kernel, shift, diag_reg_absolute_scale))
    _check_semidefinite(values, "k_train_train")
    values[values <= len(y) * np.finfo(float).eps * values[-1]] = 0  # directions that are not learned, but for rounding

    def at(t: Optional[float], fx_train_0: Any, fx_test_0: Any, k_test_train: Any) -> Any:
        start = np.zeros_like(y) if fx_train_0 is None else _outputs(fx_train_0, y.shape, "fx_train_0")
        rest = vectors.T @ (start - y)
        decay = np.where(values == 0, 1.0, 0.0) if t is None else np.exp(-rate * t / y.size * values)
        train = vectors @ (decay[:, None] * rest) + y
        if fx_test_0 is None:
            return train
        cross = _rows(k_test_train, len(y))
        step = vectors @ (_growth(values, t, rate, y.size)[:, None] * rest)
        test = _outputs(fx_test_0, (len(cross), y.shape[1]), "fx_test_0") - cross @ step
        return test if fx_train_0 is None else (train, test)

    def predict_fn(t: Any = None, fx_train_0: Any = 0.0, fx_test_0: Any = None, k_test_train: Any = None) -> Any:
        """Outputs after time `t`, or for an array of times with the times as the first axis."""
        if fx_train_0 is None and fx_test_0 is None:
            raise ValueError("fx_train_0 and fx_test_0 are both None: nothing is to be predicted; give one of them")
        if fx_test_0 is not None and k_test_train is None:
            raise ValueError("predictions for test inputs need k_test_train")
        results = [at(time, fx_train_0, fx_test_0, k_test_train) for time in _times(t)]
        if np.ndim(t) == 0:
            return results[0]
        if isinstance(results[0], tuple):
            return tuple(_stacked(part, t) for part in zip(*results))
        return _stacked(results, t)

    return _Predictor(predict_fn, gradient_descent_mse, kernel, y, rate, shift, diag_reg_absolute_scale)


def gp_inference(k_train_train: Any, y_train: Any, diag_reg: float = 0.0, diag_reg_absolute_scale: bool = False,
                 trace_axes: Any = (-1,)) -> Callable[..., Any]:
    """Gaussian process inference with kernels that are given: the NNGP posterior, or the NTK ensemble at t = inf.

    k_train_train: a named tuple with nngp and ntk, or one array, (n, n), which is taken for either. Returns
    predict_fn(get=None, k_test_train=None, k_test_test=None): a mean, or with k_test_test a Gaussian, for each of
    `get`, which None is of all kernels given, a named tuple; besides 'nngp' and 'ntk' that may be 'ntkgp', the posterior of a Gaussian process whose kernel is the NTK, so that
    k_test_test is that of the NTK too (He et al., arXiv 2007.05864). `k_test_test` is the NNGP (or tuple) of the test
    inputs, (n_test, n_test), or its diagonal, (n_test,), which gives the diagonal of the covariance. That of 'ntk' needs both
    kernels, k_test_train too. k_test_train=None: the training outputs, which are learned exactly, so that the mean is y_train
    and the covariance (of any k_test_test) zero.
    Raises ValueError for what does not fit, and where k_train_train is not positive definite.
    """
    require_axes("trace_axes", trace_axes, (-1,))
    y, shift = _targets(y_train), _not_negative(diag_reg, "diag_reg")
    if hasattr(k_train_train, "nngp") or hasattr(k_train_train, "ntk"):
        given = {name: getattr(k_train_train, name, None) for name in ("nngp", "ntk")}
        train = {name: _square(kernel, len(y)) for name, kernel in given.items() if kernel is not None}
        kernels: Any = Kernel(train.get("nngp"), train.get("ntk"))
    else:
        kernels = _square(k_train_train, len(y))
        train = {"nngp": kernels, "ntk": kernels}

    def of(given: Any, name: str) -> Any:
        return getattr(given, name) if hasattr(given, name) else given

    def predict_one(get: str, k_test_train: Any, k_test_test: Any) -> Any:
        name, prior_name = ("ntk", "ntk") if get == "ntkgp" else (get, "nngp")
        if name not in train:
            raise ValueError(f"predictions of {get!r} need k_train_train with {name}")
        kernel = _regularised(train[name], shift, diag_reg_absolute_scale)
        try:
            np.linalg.cholesky(kernel)
        except np.linalg.LinAlgError:
            raise ValueError("k_train_train is not positive definite to rounding; a larger diag_reg makes it so") from None
        if k_test_train is None:
            return y.copy() if k_test_test is None else Gaussian(y.copy(), np.zeros_like(kernel))
        cross = _rows(of(k_test_train, name), len(y))
        mean = cross @ np.linalg.solve(kernel, y)
        if k_test_test is None:
            return mean
        prior = real_numbers(of(k_test_test, prior_name), "k_test_test").astype(np.float64, copy=False)
        if prior.shape not in ((len(cross),), (len(cross), len(cross))):
            raise ValueError(f"k_test_test has the shape {prior.shape}; {len(cross)} test inputs need {(len(cross),) * 2}")
        check_finite(prior, "k_test_test", examples=False)

        def product(a: Array, b: Array) -> Array:  # what the prior has of it
            return a @ b if prior.ndim == 2 else np.einsum("ij,ji->i", a, b)

        weights = np.linalg.solve(kernel, cross.T)
        if get != "ntk":
            return Gaussian(mean, prior - product(cross, weights))
        if not (isinstance(kernels, Kernel) and "nngp" in train and hasattr(k_test_train, "nngp")):
            raise ValueError("the covariance of 'ntk' needs k_train_train and k_test_train with both kernels, nngp and ntk; for one "
                             "array give get='nngp'")
        mixed = product(_rows(k_test_train.nngp, len(y)), weights)
        return Gaussian(mean, prior + product(weights.T @ train["nngp"], weights) - mixed - mixed.T)

    def predict_fn(get: Get = None, k_test_train: Any = None, k_test_test: Any = None, **kwargs: Any) -> Any:
        k_test_test = kwargs.pop("nngp_test_test", k_test_test)
        refuse_unknown("predict_fn", kwargs)
        get = tuple(train) if get is None else get
        names = names_of(get, ("ntkgp",))
        results = [predict_one(name, k_test_train, k_test_test) for name in names]
        return result_of(get, dict(zip(names, results)), "Predictions")

    return _Predictor(predict_fn, gp_inference, kernels, y, shift, diag_reg_absolute_scale)


def max_learning_rate(ntk_train_train: Any, y_train_size: Optional[int] = None, momentum: float = 0.0,
                      eps: float = 1e-12) -> float:
    """The largest stable learning rate of full-batch gradient descent on 1 / (2 y.size) |f - y|^2. Raises ValueError for a
    kernel that is not symmetric and positive semidefinite."""
    kernel = _symmetric(_matrix(ntk_train_train, "ntk_train_train"), "ntk_train_train")
    size = kernel.shape[0] if y_train_size is None else whole(y_train_size, "y_train_size", 1)
    values = np.linalg.eigvalsh(kernel)
    _check_semidefinite(values, "ntk_train_train")
    return float(2 * (1 + _not_negative(momentum, "momentum")) * size / (values[-1] + _not_negative(eps, "eps")))


def predictor_of(kernel_fn: KernelFn, x: Array, y: Array, *, ntk: bool, diag_reg: float, absolute: bool = False,
                 learning_rate: float = 1.0, eigensystem: bool = False, threads: int = 0, progress: Any = None,
                 allowed_error: float = 1e-3) -> Any:
    """What predicts at further inputs, from training inputs of float64 or float32 and targets of float64."""
    kind = _core.Predictor32 if x.dtype == np.float32 else _core.Predictor64
    made = kind(kernel_fn._layer._core, x, y, ntk, number(diag_reg, "diag_reg"), bool(absolute),
                number(learning_rate, "learning_rate"), eigensystem, threads_of(threads), bound_of(allowed_error), progress)
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
    trained, which is the posterior of a Gaussian process, 'ntk': all layers are. x_test=None: the training outputs, with
    diag_reg a part of the kernel, so that they tend to y_train and their covariance to zero; x_test=x_train: the outputs that
    the network predicts there, to which diag_reg does not belong.
    The mean is a float64 array whatever the inputs are. Raises ValueError for shapes that do not fit and kernels that are
    not positive definite. threads, progress, allowed_error: as kernel_fn's.
    Source: Lee et al., arXiv 1902.06720, equations 13 to 16.
    """
    refuse_unknown("gradient_descent_mse_ensemble", ignored)
    require_axes("trace_axes", trace_axes, (-1,))
    if not isinstance(kernel_fn, KernelFn):
        raise ValueError("kernel_fn must be that of a layer of nngp.stax; for kernels of your own use gp_inference")
    _not_negative(diag_reg, "diag_reg")
    _positive(learning_rate, "learning_rate")
    x = as_array(x_train, "x_train").copy()  # predictions go back to it
    check_finite(x, "x_train")
    y = _targets(y_train)
    if len(x) != len(y):
        raise ValueError(f"x_train has {len(x)} examples, y_train has {len(y)}")
    made: Dict[Tuple[str, bool], Any] = {}
    spectra: Dict[str, Tuple[Array, Array, Array]] = {}

    def predictor(name: str, finite_time: bool) -> Any:
        key = (name, finite_time)
        if key not in made:
            with reporter(progress) as report:
                made[key] = predictor_of(kernel_fn, x, y, ntk=name == "ntk", diag_reg=diag_reg,
                                         absolute=diag_reg_absolute_scale, learning_rate=learning_rate,
                                         eigensystem=finite_time, threads=threads, progress=report,
                                         allowed_error=allowed_error)
        return made[key]

    def spectrum(name: str) -> Tuple[Array, Array, Array]:
        """Eigenvalues and eigenvectors of the regularised kernel of the training inputs, and their NNGP."""
        if name not in spectra:
            names = ("nngp",) if name == "nngp" else ("nngp", "ntk")
            kernels = kernel_fn(x, None, names, threads=threads, progress=progress, allowed_error=allowed_error)
            kernel = _regularised(getattr(kernels, name).astype(np.float64), diag_reg, diag_reg_absolute_scale)
            spectra[name] = (*np.linalg.eigh(kernel), kernels.nngp.astype(np.float64))
        return spectra[name]

    def training_outputs(t: Optional[float], name: str, compute_cov: bool) -> Any:
        if t is None:
            return Gaussian(y.copy(), np.zeros((len(y), len(y)))) if compute_cov else y.copy()
        values, vectors, nngp = spectrum(name)
        left = np.exp(-learning_rate * t / y.size * np.maximum(values, 0.0))  # what is not yet learned of each eigenvector
        mean = y - vectors @ (left[:, None] * (vectors.T @ y))
        if not compute_cov:
            return mean
        if name == "nngp":
            return Gaussian(mean, (vectors * (np.maximum(values, 0.0) * left**2)) @ vectors.T)
        rest = (vectors * left) @ vectors.T
        return Gaussian(mean, rest @ nngp @ rest)

    def at(t: Optional[float], test: Optional[Array], names: Tuple[str, ...], compute_cov: bool) -> List[Any]:
        if test is None:
            return [training_outputs(t, name, compute_cov) for name in names]
        results = []
        for name in names:
            mean, _, covariance = predictor(name, t is not None).predict(test, "covariance" if compute_cov else "none", t, None)
            results.append(Gaussian(mean, covariance) if compute_cov else mean)
        return results

    def predict_fn(t: Any = None, x_test: Any = None, get: Get = None, compute_cov: bool = False, **ignored: Any) -> Any:
        refuse_unknown("predict_fn", ignored)
        names, times = names_of(get), _times(t)
        test = None
        if x_test is not None:
            test = as_array(x_test, "x_test").astype(x.dtype, copy=False)
            same_examples(x, test, ("x_train", "x_test"))
            check_finite(test, "x_test")
        each = [at(time, test, names, compute_cov) for time in times]
        if np.ndim(t) == 0:
            results = each[0]
        else:
            results = [Gaussian(_stacked([e[i].mean for e in each], t), _stacked([e[i].covariance for e in each], t))
                       if compute_cov else _stacked([e[i] for e in each], t) for i in range(len(names))]
        return result_of(get, dict(zip(names, results)), "Predictions")

    make = functools.partial(gradient_descent_mse_ensemble, threads=threads, progress=progress, allowed_error=allowed_error)
    return _Predictor(predict_fn, make, kernel_fn, x, y, learning_rate, diag_reg, diag_reg_absolute_scale)
