import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from scipy.stats import multivariate_normal
from sklearn.base import clone
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks

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


def test_kernel_object_in_scikit_learn():
    kernel = NetworkKernel()
    assert clone(kernel) == kernel
    assert SVC(kernel=kernel).fit(X, Y > 0).score(X, Y > 0) > 0.9
    assert KernelRidge(kernel=kernel, alpha=1e-3).fit(X, Y).score(X, Y) > 0.95
    process = GaussianProcessRegressor(kernel, alpha=1e-4).fit(X, Y)
    assert process.score(X, Y) > 0.99
    np.testing.assert_allclose(kernel.diag(X), np.diagonal(kernel(X)), rtol=1e-13)


@pytest.mark.parametrize("which", ["nngp", "ntk"])
def test_gradients_of_the_kernel_object(which):
    kernel = NetworkKernel("serial(Dense(512, 1.5, 0.3), Relu(), Dense(512, 1.2, 0.2), Erf(), Dense(1))", which)
    value, gradient = kernel(X[:6], eval_gradient=True)
    assert gradient.shape == (6, 6, 5)
    for i in range(5):
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
    assert np.abs(gradient - exact).max() < 3e-11 * np.abs(value).max()
