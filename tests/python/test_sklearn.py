import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessClassifier, GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC, SVR
from sklearn.utils.estimator_checks import parametrize_with_checks

from nngp import stax
from nngp.sklearn import NetworkKernel, NNGPClassifier, NNGPRegressor, NTKClassifier, NTKRegressor

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
Y = np.sin(X[:, 0]) + 0.1 * X[:, 1]


@parametrize_with_checks([NNGPRegressor(), NTKRegressor(), NNGPClassifier(), NTKClassifier()])
def test_scikit_learn_accepts_the_estimators(estimator, check):
    check(estimator)


def test_the_most_likely_diag_reg_is_taken():
    grid = [1e-6, 1e-2, 0.1, 1.0]
    y = Y + 0.1 * RANDOM.normal(size=60)
    model = NNGPRegressor(diag_reg=grid).fit(X, y)
    kernel, z = model.layer_.kernel_fn(X, None, "nngp"), (y - y.mean()) / y.std()
    likelihoods = [multivariate_normal.logpdf(z, cov=kernel + diag_reg * np.trace(kernel) / 60 * np.eye(60)) for diag_reg in grid]
    assert model.diag_reg_ == grid[np.argmax(likelihoods)]
    assert model.log_marginal_likelihood_ == pytest.approx(max(likelihoods), rel=1e-9)


def test_spread_is_in_units_of_y():
    small, large = NNGPRegressor().fit(X, Y), NNGPRegressor().fit(X, 1000 * Y + 5)
    for a, b in zip(small.predict(X[:5] + 1, return_std=True), large.predict(X[:5] + 1, return_std=True)):
        np.testing.assert_allclose(1000 * a + (5 if a is not None and b[0] > 900 * a[0] + 4 else 0), b, rtol=1, atol=6)
    _, std = large.predict(X[:5] + 1, return_std=True)
    _, covariance = large.predict(X[:5] + 1, return_cov=True)
    np.testing.assert_allclose(std**2, np.diagonal(covariance), rtol=1e-6)


def test_pickles_predict_the_same():
    model = NTKRegressor(depth=2).fit(X, Y)
    np.testing.assert_allclose(pickle.loads(pickle.dumps(model)).predict(X), model.predict(X), rtol=1e-12)


def test_probabilities_are_those_of_the_largest_output():
    labels = np.digitize(X[:, 0], [-0.5, 0.5])
    model = NNGPClassifier().fit(X, labels)
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
    assert (probabilities.argmax(axis=1) == model.predict(X)).mean() == 1
    assert model.score(X, labels) > 0.95


def test_grid_search_over_the_network():
    search = GridSearchCV(NNGPRegressor(), {"W_std": [0.5, 1.5], "depth": [1, 2]}, cv=3).fit(X, Y)
    assert search.best_score_ > 0.9


CONVOLUTIONAL = "serial(Conv(64, (2, 2), W_std=1.4, b_std=0.1), Relu(), Flatten(), Dense(1, 1.0, 0.1))"


def test_rows_are_read_as_images():
    rows = RANDOM.normal(size=(40, 18))
    images, y = rows.reshape(40, 3, 3, 2), rows[:, 0] * rows[:, 2]
    by_rows = NNGPRegressor(CONVOLUTIONAL, shape=(3, 3, 2)).fit(rows, y)
    by_images = NNGPRegressor(CONVOLUTIONAL).fit(images, y)
    np.testing.assert_array_equal(by_rows.predict(rows[:5] + 1), by_images.predict(images[:5] + 1))
    kernel = by_images.layer_.kernel_fn(images, None, "nngp")
    np.testing.assert_array_equal(NetworkKernel(CONVOLUTIONAL, shape=(3, 3, 2))(rows), kernel)
    labels = NNGPClassifier(CONVOLUTIONAL, shape=(3, 3, 2)).fit(rows, y > 0).predict(rows)
    assert (labels == (y > 0)).mean() > 0.9
    search = GridSearchCV(NTKRegressor(shape=(3, 3, 2)), {"model": [CONVOLUTIONAL, CONVOLUTIONAL.replace("Relu", "Erf")]}, cv=3)
    assert str(clone(search.fit(rows, y).best_estimator_)) == str(search.best_estimator_)
    with pytest.raises(ValueError, match=r"shape=\(3, 3, 3\) needs 27 features, X has 18"):
        NNGPRegressor(CONVOLUTIONAL, shape=(3, 3, 3)).fit(rows, y)
    with pytest.raises(ValueError, match=r"shape must be \(height, width, channels\) or the like, not '3x3x2'"):
        NNGPRegressor(CONVOLUTIONAL, shape="3x3x2").fit(rows, y)
    with pytest.raises(ValueError, match="shape must be a whole number"):
        NNGPRegressor(CONVOLUTIONAL, shape=(3, -3, 3)).fit(rows, y)
    with pytest.raises(ValueError, match="examples of the training X have the shape"):
        by_images.predict(images[:, :, :2])


@pytest.mark.parametrize("parameters, words", [
    ({"model": 3}, "model must be a layer of nngp.stax or its text, not a int"),
    ({"W_std": "a"}, "W_std must be a number"),
    ({"b_std": None}, "b_std must be a number"),
    ({"depth": 0}, "depth must be a whole number from 1 on"),
    ({"depth": 1.5}, "depth must be a whole number from 1 on"),
    ({"activation": 3}, "activation must be the name of one"),
    ({"activation": np.tanh}, "activation must be the name of one.*<ufunc 'tanh'>; stax.Elementwise makes a layer of a function"),
    ({"diag_reg": []}, "diag_reg is an empty list"),
    ({"diag_reg": None}, "diag_reg must be a number"),
    ({"diag_reg": -1}, "diag_reg is -1; it must be 0 or more"),
])
def test_unsuitable_parameters_are_told(parameters, words):
    with pytest.raises(ValueError, match=words):
        NNGPRegressor(**parameters).fit(X, Y)


def test_arguments_behind_the_model_have_names():
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments") as caught:
        NNGPRegressor("serial(Dense(1))", 2.0)
    assert "_Ensemble" not in str(caught.value)


@pytest.mark.filterwarnings("error")
def test_targets_whose_variance_overflows_are_refused():
    large, usual = NNGPRegressor().fit(X, Y * 2.0**500).predict(X), NNGPRegressor().fit(X, Y).predict(X)
    np.testing.assert_array_equal(large, usual * 2.0**500)
    for factor in 1e200, 1e307:
        with pytest.raises(ValueError, match=r"y has values as large as .*, whose variance overflows; scale them"):
            NNGPRegressor().fit(X, Y * factor)


def test_integers_that_float64_does_not_hold_are_refused():
    for x, y in (([[1], [2**53 + 1]], [1, 2]), ([[1], [2]], [1, 2**53 + 1])):
        with pytest.raises(ValueError, match="has 9007199254740993, which float64 does not hold exactly"):
            NNGPRegressor().fit(x, y)
    with pytest.raises(ValueError, match="X has 9007199254740993"):
        NNGPRegressor().fit([[1.0], [2.0]], [1, 2]).predict([[2**53 + 1]])


def test_activations_are_names_or_layers():
    expected = NNGPRegressor(activation="Erf").fit(X, Y).predict(X)
    for activation in ("Erf()", stax.Erf, stax.Erf()):
        np.testing.assert_array_equal(NNGPRegressor(activation=activation).fit(X, Y).predict(X), expected)
    layer = stax.serial(stax.Dense(1), stax.Erf(), stax.Dense(1))
    np.testing.assert_array_equal(NNGPRegressor(layer.kernel_fn).fit(X, Y).predict(X), NNGPRegressor(layer).fit(X, Y).predict(X))


@pytest.mark.parametrize("call, words", [
    (lambda: NetworkKernel(kernel="cov")(X), "kernel must be 'nngp' or 'ntk'"),
    (lambda: NetworkKernel(scale_bounds=(-1, 2)).bounds, "scale_bounds must be 'fixed' or two numbers above 0"),
    (lambda: NetworkKernel(scale_bounds=(1,)).theta, "scale_bounds must be"),
    (lambda: NetworkKernel()(X, X[:3], eval_gradient=True), "Y must be None"),
    (lambda: NetworkKernel().clone_with_theta(np.zeros(2)), "theta has 2 values, the kernel 4 hyper-parameters"),
    (lambda: NetworkKernel(model=b"Relu()")(X), "model must be a layer"),
])
def test_misuse_of_the_kernel_object_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


@pytest.mark.filterwarnings("ignore::nngp.stax.SlowActivationWarning")
def test_a_kernel_object_of_functions_has_no_hyperparameters():
    called = stax.serial(stax.Dense(1), stax.Elementwise(None, lambda c, v1, v2: 1 + c.copy()), stax.Dense(1))
    process = GaussianProcessRegressor(NetworkKernel(called), alpha=1e-3).fit(X, Y)
    expected = called.kernel_fn(X, None, "nngp")
    np.testing.assert_array_equal(process.kernel_(X), expected)
    assert process.kernel_.theta.shape == (0,)


def test_kernel_object_in_scikit_learn():
    kernel = NetworkKernel()
    assert clone(kernel) == kernel
    assert SVC(kernel=kernel).fit(X, Y > 0).score(X, Y > 0) > 0.9
    assert KernelRidge(kernel=kernel, alpha=1e-3).fit(X, Y).score(X, Y) > 0.95
    process = GaussianProcessRegressor(kernel, alpha=1e-4).fit(X, Y)
    assert process.score(X, Y) > 0.99
    assert GaussianProcessClassifier(kernel).fit(X, Y > 0).score(X, Y > 0) > 0.9
    for of_function, of_matrix in (
            (KernelRidge(kernel=kernel, alpha=1e-3), KernelRidge(kernel="precomputed", alpha=1e-3)),
            (SVR(kernel=kernel), SVR(kernel="precomputed"))):
        expected = of_matrix.fit(kernel(X), Y).predict(kernel(X[:5], X))
        np.testing.assert_allclose(of_function.fit(X, Y).predict(X[:5]), expected, rtol=1e-10)
    np.testing.assert_allclose(kernel.diag(X), np.diagonal(kernel(X)), rtol=1e-13)


@pytest.mark.parametrize("last, count", [
    ("Dense(1)", 5),
    ("Dense(1, 1.2, 0.3)", 6),
    ("Dense(1, 0.0, 0.3)", 5),
    ("Dense(1, 1.2, 0.3, parameterization='standard')", 6),
    ("FanOut(2), parallel(Dense(1, 1.2, 0.3), Dense(1, 0.7)), FanInSum()", 7),
    ("Dense(1, 1.2, 0.3), Erf()", 6),
    ("serial(Erf(), Dense(1, 1.2, 0.3))", 6),
])
@pytest.mark.parametrize("which", ["nngp", "ntk"])
def test_gradients_of_the_kernel_object(which, last, count):
    kernel = NetworkKernel(f"serial(Dense(512, 1.5, 0.3), Relu(), Dense(512, 1.2, 0.2), Erf(), {last})".replace("Erf(), serial(", "serial("),
                           which)
    value, gradient = kernel(X[:6], eval_gradient=True)
    assert gradient.shape == (6, 6, count)
    for i in range(count):
        up, down = kernel.theta.copy(), kernel.theta.copy()
        up[i] += 1e-5
        down[i] -= 1e-5
        difference = (kernel.clone_with_theta(up)(X[:6]) - kernel.clone_with_theta(down)(X[:6])) / 2e-5
        np.testing.assert_allclose(gradient[:, :, i], difference, rtol=0, atol=1e-8 * np.abs(value).max())


def test_gradients_are_those_of_the_closed_form():
    w1, b1, w2 = 1.3, 0.4, 0.9
    kernel = NetworkKernel(f"serial(Dense(1, {w1}, {b1}), Erf(), Dense(1, {w2}))")
    _, gradient = kernel(X, eval_gradient=True)
    c = X @ X.T / 3
    k = w1**2 * c + b1**2
    u = 1 + 2 * np.diagonal(k)
    s = np.sqrt(np.outer(u, u))
    value = w2**2 * 2 / np.pi * np.arcsin(2 * k / s)

    def by(dk):  # the chain rule, through the covariance and both variances
        dv = np.diagonal(dk)
        ratio = 2 * dk / s - 2 * k / s * (dv[:, None] / u[:, None] + dv / u)
        return w2**2 * 2 / np.pi * ratio / np.sqrt(1 - (2 * k / s) ** 2)

    exact = np.stack([by(2 * w1**2 * c), by(np.full_like(c, 2 * b1**2)), 2 * value], axis=2)
    assert np.abs(gradient - exact).max() < 1e-11 * np.abs(value).max()
