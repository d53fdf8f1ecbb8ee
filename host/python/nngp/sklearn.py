"""Estimators and kernels for scikit-learn."""

from __future__ import annotations

import math
import re
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.gaussian_process.kernels import Hyperparameter, Kernel as _GPKernel
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from . import stax
from ._arrays import Array, number, real_numbers, same_examples
from ._kernel import KernelFn, whole
from .predict import predictor_of
from .stax import Layer

_DEFAULT = "serial(Dense(512, W_std=1.5, b_std=0.1), Relu(), Dense(1, W_std=1.0, b_std=0.1))"


def _network(model: Any) -> Layer:
    """The network that a parameter `model` gives: a layer, its kernel_fn or its text."""
    layer = getattr(model, "_layer", model)
    if isinstance(layer, Layer):
        return layer
    if not isinstance(model, str):
        raise ValueError(f"model must be a layer of nngp.stax or its text, not a {type(model).__name__}")
    return stax.parse(model)


def _activation(activation: Any) -> Layer:
    """Relu, 'Relu', 'Relu()' or Relu()."""
    if isinstance(activation, str):
        return stax.parse(activation if "(" in activation else f"{activation}()")
    try:
        layer = activation() if callable(activation) else activation
    except TypeError:  # a function of numbers
        layer = None
    if not isinstance(layer, Layer):
        raise ValueError(f"activation must be the name of one, such as 'Relu', or a layer, not {activation!r}; "
                         "stax.Elementwise makes a layer of a function")
    return layer


def _hidden_network(W_std: Any, b_std: Any, depth: Any, activation: Any) -> Layer:
    W, b = number(W_std, "W_std"), number(b_std, "b_std")
    hidden = stax.serial(stax.Dense(512, W_std=W, b_std=b), _activation(activation))
    return stax.serial(stax.repeat(hidden, whole(depth, "depth", 1)), stax.Dense(1, W_std=1.0, b_std=b))


def _examples(X: Array, shape: Optional[Sequence[int]]) -> Array:
    """X as float64, with its rows as examples of `shape`, if that is given."""
    X = np.ascontiguousarray(real_numbers(X, "X"), np.float64)
    if shape is None or X.ndim > 2:
        return X
    if isinstance(shape, str) or not np.iterable(shape):
        raise ValueError(f"shape must be (height, width, channels) or the like, not {shape!r}")
    wanted = tuple(whole(extent, "shape", 1) for extent in shape)
    if math.prod(wanted) != X.shape[1]:
        raise ValueError(f"shape={wanted} needs {math.prod(wanted)} features, X has {X.shape[1]}")
    return X.reshape(len(X), *wanted)


class _Ensemble(BaseEstimator):
    """What regressors and classifiers share."""

    _ntk = False

    def __init__(self, model: Any = None, *, W_std: float = 1.5, b_std: float = 0.1, depth: int = 1,
                 activation: str = "Relu", diag_reg: Any = 1e-3, shape: Optional[Sequence[int]] = None, threads: int = 0):
        self.model = model
        self.W_std = W_std
        self.b_std = b_std
        self.depth = depth
        self.activation = activation
        self.diag_reg = diag_reg
        self.shape = shape
        self.threads = threads

    __init__.__qualname__ = "estimator.__init__"  # as errors of arguments call it, of whichever estimator

    def _train(self, X: Array, Y: Array) -> None:
        if self.model is None:
            layer = _hidden_network(self.W_std, self.b_std, self.depth, self.activation)
        else:
            layer = _network(self.model)
        self.layer_ = layer
        grid = list(self.diag_reg) if np.ndim(self.diag_reg) > 0 else [self.diag_reg]
        if not grid:
            raise ValueError("diag_reg is an empty list")
        best = None
        for diag_reg in (number(value, "diag_reg") for value in grid):
            predictor = self._predictor_of(layer, X, Y, diag_reg)
            likelihood = predictor.log_marginal_likelihood
            if best is None or likelihood > best[0]:
                best = (likelihood, diag_reg, predictor)
                self.log_marginal_likelihood_, self.diag_reg_, self._predictor = best
        self.X_train_, self._Y_train = X.copy(), Y

    def _outputs(self, X: Any, spread: str = "none") -> Tuple[Array, Any, Any]:
        check_is_fitted(self)
        X = _examples(validate_data(self, X, allow_nd=True, reset=False), self.shape)
        same_examples(self.X_train_, X, ("the training X", "X"))
        outputs: Tuple[Array, Any, Any] = self._fitted_predictor().predict(X, spread, None, None)
        return outputs

    def _fitted_predictor(self) -> Any:
        if getattr(self, "_predictor", None) is None:
            self._predictor = self._predictor_of(self.layer_, self.X_train_, self._Y_train, self.diag_reg_)
        return self._predictor

    def _predictor_of(self, layer: Layer, X: Array, Y: Array, diag_reg: float) -> Any:
        return predictor_of(layer.kernel_fn, X, Y, ntk=self._ntk, diag_reg=diag_reg, threads=self.threads)

    def __getstate__(self) -> Dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_predictor", None)  # is made anew from the training data
        return state


class _Regressor(MultiOutputMixin, RegressorMixin, _Ensemble):
    def fit(self, X: Any, y: Any) -> "_Regressor":
        """X: (n, features) or (n, positions..., channels); y: (n,) or (n, outputs). Raises ValueError for a y whose variance
        overflows."""
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True)
        Y = real_numbers(y, "y").astype(np.float64)
        self._flat = Y.ndim == 1
        Y = Y.reshape(len(Y), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            self._mean, scale = Y.mean(axis=0), Y.std(axis=0)
        if not np.isfinite(scale).all():
            raise ValueError(f"y has values as large as {np.abs(Y).max():.2g}, whose variance overflows; scale them")
        self._scale = np.where(scale > 0, scale, 1.0)
        self._train(_examples(X, self.shape), np.ascontiguousarray((Y - self._mean) / self._scale))
        return self

    def predict(self, X: Any, return_std: bool = False, return_cov: bool = False) -> Any:
        """Means, with `return_std` or `return_cov` also the spread of the networks' outputs."""
        if return_std and return_cov:
            raise ValueError("return_std and return_cov exclude each other")
        spread = "covariance" if return_cov else "variance" if return_std else "none"
        mean, variance, covariance = self._outputs(X, spread)
        mean = mean * self._scale + self._mean
        if self._flat:
            mean = mean[:, 0]
        if not (return_std or return_cov):
            return mean
        scale = self._scale[0] if self._flat else self._scale
        if return_std:
            std = np.sqrt(np.maximum(variance, 0.0))
            return mean, std * scale if self._flat else std[:, None] * scale
        return mean, covariance * scale**2 if self._flat else covariance[:, :, None] * scale**2


class _Classifier(ClassifierMixin, _Ensemble):
    def fit(self, X: Any, y: Any) -> "_Classifier":
        """X: (n, features) or (n, positions..., channels); y: (n,) labels."""
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        self.classes_, index = np.unique(y, return_inverse=True)
        count = len(self.classes_)
        if count < 2:
            raise ValueError(f"y has one class only, {self.classes_[0]!r}; two classes at least are needed")
        Y = np.eye(count)[index] - 1.0 / count
        self._train(_examples(X, self.shape), np.ascontiguousarray(Y))
        return self

    def decision_function(self, X: Any) -> Any:
        """The outputs of the classes, (n, classes); for two classes, (n,), by how many standard deviations the output of
        the second is larger, so that it orders examples as predict_proba does."""
        check_is_fitted(self)
        if len(self.classes_) > 2:
            return self._outputs(X)[0]
        mean, deviation = self._with_noise(X)
        return (mean[:, 1] - mean[:, 0]) / (np.sqrt(2) * deviation)

    def _with_noise(self, X: Any) -> Tuple[Array, Array]:
        """Outputs and their standard deviations, with the noise that diag_reg stands for."""
        mean, variance, _ = self._outputs(X, "variance")
        return mean, np.sqrt(np.maximum(variance, 0.0) + self._fitted_predictor().shift)

    def predict(self, X: Any) -> Any:
        mean, _, _ = self._outputs(X)
        return self.classes_[np.argmax(mean, axis=1)]

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class to have the largest output, (n, classes): outputs are independent Gaussians
        with the networks' variance and the noise that diag_reg stands for."""
        return _largest_probabilities(*self._with_noise(X))


def _largest_probabilities(mean: Array, deviation: Array) -> Array:
    """P(output c is the largest): of two in closed form, of more by Gauss-Hermite quadrature over that output."""
    from scipy.special import log_ndtr, ndtr
    if mean.shape[1] == 2:
        second = ndtr((mean[:, 1] - mean[:, 0]) / (np.sqrt(2) * np.maximum(deviation, 1e-300)))
        return np.stack([1 - second, second], axis=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(64)
    weights = weights / weights.sum()
    scaled = mean / np.maximum(deviation, 1e-300)[:, None]
    result = np.empty_like(scaled)
    for c in range(scaled.shape[1]):
        others = np.delete(scaled, c, axis=1)
        log_p = log_ndtr(scaled[:, c, None, None] + nodes[None, :, None] - others[:, None, :]).sum(axis=2)
        result[:, c] = np.exp(log_p) @ weights
    result /= result.sum(axis=1, keepdims=True)
    return result


class NNGPRegressor(_Regressor):
    """Gaussian process regression with the NNGP kernel of a network.

    model: a layer of `nngp.stax` or its text; None: `depth` hidden layers with `activation`, W_std and b_std.
    diag_reg: noise in units of the mean of the kernel's diagonal; of several values the most likely is taken.
    shape: how a row of X is read, as (height, width, channels) for a network on images.
    Targets are centred and scaled. Attributes: log_marginal_likelihood_ (of scaled targets), diag_reg_, layer_.
    """


class NTKRegressor(_Regressor):
    """The mean of infinitely wide networks trained to convergence: kernel regression with the NTK. As NNGPRegressor."""

    _ntk = True


class NNGPClassifier(_Classifier):
    """Classification by regression on one output a class with the NNGP kernel. As NNGPRegressor."""


class NTKClassifier(_Classifier):
    """Classification by regression on one output a class with the NTK. As NNGPRegressor."""

    _ntk = True


class NetworkKernel(_GPKernel):
    """The kernel of a network for GaussianProcessRegressor, SVC(kernel=...), KernelRidge(kernel=...).

    model: text or layer; every W_std and b_std of its layers that is above 0 is a hyper-parameter, on a
    logarithmic scale; a layer of Python functions that no text can describe has none. kernel: 'nngp' or 'ntk'.
    scale_bounds: of all hyper-parameters, (lower, upper), or 'fixed'.
    shape: how a row of X is read, as (height, width, channels) for a network on images.

    Gradients (eval_gradient=True) are those in the logarithms: exact in the scales of a Dense layer at the end, by differences
    of four kernels, with an error of about 1e-11 of the kernel, in all others.
    """

    def __init__(self, model: Any = _DEFAULT, kernel: str = "nngp", scale_bounds: Union[str, Tuple[float, float]] = (1e-2, 1e2),
                 shape: Optional[Sequence[int]] = None):
        self.model = model
        self.kernel = kernel
        self.scale_bounds = scale_bounds
        self.shape = shape

    _NUMBER = re.compile(r"\b([Wb]_std)=([0-9][-+.0-9e]*)")

    def _text(self) -> str:
        return str(_network(self.model))

    def _values(self) -> Array:
        if _network(self.model)._rebuild is not None:
            return np.empty(0)
        return np.array([float(m.group(2)) for m in self._NUMBER.finditer(self._text()) if float(m.group(2)) > 0])

    def _with(self, values: Array) -> str:
        if len(values) != len(self._values()):
            raise ValueError(f"theta has {len(values)} values, the kernel {len(self._values())} hyper-parameters")
        left = iter(values)

        def put(match: "re.Match[str]") -> str:
            return match.group(0) if float(match.group(2)) == 0 else f"{match.group(1)}={float(next(left))!r}"
        return self._NUMBER.sub(put, self._text())

    @property
    def hyperparameters(self) -> List[Hyperparameter]:
        values, bounds = self._values(), self._bounds()
        return [Hyperparameter("scales", "numeric", bounds, len(values))] if len(values) else []

    def _bounds(self) -> Union[str, Tuple[float, float]]:
        """`scale_bounds`. Raises ValueError unless it is 'fixed' or two numbers."""
        given = self.scale_bounds
        if isinstance(given, str) and given == "fixed":
            return given
        if not isinstance(given, str) and np.shape(given) == (2,):
            lower, upper = (number(bound, "scale_bounds") for bound in given)
            if 0 < lower <= upper < np.inf:
                return lower, upper
        raise ValueError(f"scale_bounds must be 'fixed' or two numbers above 0, (lower, upper), not {given!r}")

    @property
    def theta(self) -> Array:
        return np.log(self._values()) if self._bounds() != "fixed" else np.empty(0)

    @theta.setter
    def theta(self, theta: Array) -> None:
        if self._bounds() != "fixed" and len(self._values()):
            self.model = self._with(np.exp(theta))

    @property
    def bounds(self) -> Array:
        bounds = self._bounds()
        if isinstance(bounds, str):
            return np.empty((0, 2))
        return np.tile(np.log(bounds), (len(self._values()), 1))

    @property
    def n_dims(self) -> int:
        return len(self.theta)

    def clone_with_theta(self, theta: Array) -> "NetworkKernel":
        clone = NetworkKernel(**self.get_params())
        clone.theta = theta
        return clone

    def __call__(self, X: Any, Y: Any = None, eval_gradient: bool = False) -> Any:
        if eval_gradient and Y is not None:
            raise ValueError("gradients are those of the kernel of X with itself: Y must be None")
        X = self._examples(X)
        kernel = self._kernel_fn()(X, None if Y is None else self._examples(Y), self._name())
        if not eval_gradient:
            return kernel
        theta = self.theta
        gradient = np.empty((len(theta),) + kernel.shape)
        exact = self._derivatives_of_last(kernel) if len(theta) else []
        numerical = len(theta) - len(exact)
        for i in range(numerical):
            gradient[i] = self._derivative(X, theta, i)
        for i, derivative in enumerate(exact, numerical):
            gradient[i] = derivative
        return kernel, np.moveaxis(gradient, 0, -1)  # one matrix after the other in memory, which scikit-learn adds up faster

    _LAST_DENSE = re.compile(r"serial\(.*\bDense\(([^()]*)\)\)", re.S)

    def _derivatives_of_last(self, kernel: Array) -> List[Any]:
        """Those in the logarithms of W_std and b_std of a Dense layer at the end, where they are above 0: there the kernel is
        W_std^2 times what the layers before make, the NTK too in the parameterization 'ntk', plus b_std^2."""
        last = self._LAST_DENSE.fullmatch(self._text())
        if last is None or "parameterization='ntk'" not in last.group(1):
            return []
        scales = {m.group(1): float(m.group(2)) for m in self._NUMBER.finditer(last.group(1))}
        bias = scales.get("b_std", 0.0) ** 2
        derivatives = {"W_std": 2 * (kernel - bias), "b_std": 2 * bias}
        return [derivatives[name] for name, value in scales.items() if value > 0]

    def _derivative(self, X: Array, theta: Array, i: int) -> Any:
        """By differences of four kernels: an error of about 1e-11 of the kernel. Activations are known with their derivative in
        cov12 alone, but W_std and b_std change the variances too."""
        step = 1e-3  # smaller ones lose to rounding, larger ones to the terms that are left out

        def kernel_at(steps: int) -> Any:
            changed = theta.copy()
            changed[i] += steps * step
            return stax.parse(self._with(np.exp(changed))).kernel_fn(X, None, self._name())
        return (8 * (kernel_at(1) - kernel_at(-1)) - (kernel_at(2) - kernel_at(-2))) / (12 * step)

    def diag(self, X: Any) -> Array:
        X = self._examples(X)
        operator = self._kernel_fn().operator(X, X, self._name())
        out = np.empty(len(X))
        for begin in range(0, len(X), 64):
            end = min(begin + 64, len(X))
            out[begin:end] = np.diagonal(operator[begin:end, begin:end])
        return out

    def _kernel_fn(self) -> KernelFn:
        return _network(self.model).kernel_fn

    def _name(self) -> str:
        if not isinstance(self.kernel, str) or self.kernel not in ("nngp", "ntk"):
            raise ValueError(f"kernel must be 'nngp' or 'ntk', not {self.kernel!r}")
        return self.kernel

    def _examples(self, X: Any) -> Array:
        return _examples(np.atleast_2d(real_numbers(X, "X")), self.shape)

    def is_stationary(self) -> bool:
        return False

    def get_params(self, deep: bool = True) -> Dict[str, Any]:
        return {"model": self.model, "kernel": self.kernel, "scale_bounds": self.scale_bounds, "shape": self.shape}

    def set_params(self, **params: Any) -> "NetworkKernel":
        for name, value in params.items():
            if name not in self.get_params():
                raise ValueError(f"NetworkKernel has no parameter {name!r}")
            setattr(self, name, value)
        return self

    def __eq__(self, other: Any) -> bool:
        return type(self) is type(other) and self.get_params() == other.get_params()

    def __repr__(self) -> str:
        return f"NetworkKernel({self._text()!r}, kernel={self.kernel!r})"
