import pathlib
import pickle

import numpy as np
import pytest

import nngp
from nngp import predict, stax

GOLDEN = pathlib.Path(__file__).parent.parent / "golden" / "predict"  # made by neural-tangents: make.py there
X_TRAIN, Y_TRAIN, X_TEST = (np.load(GOLDEN / f"{name}.npy") for name in ("x_train", "y_train", "x_test"))
LAYERS = [stax.Dense(512, 1.5, 0.05), stax.Relu()] * 3 + [stax.Dense(1, 1.5, 0.05)]
KERNEL_FN = stax.serial(*LAYERS).kernel_fn


@pytest.mark.parametrize("kernel", ["nngp", "ntk"])
@pytest.mark.parametrize("name, t", [("inf", None), ("0.5", 0.5), ("30", 30.0), ("5000", 5000.0)])
def test_ensembles_predict_as_neural_tangents(kernel, name, t):
    predict_fn = predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, learning_rate=0.7, diag_reg=1e-3)
    mean, covariance = predict_fn(t=t, x_test=X_TEST, get=kernel, compute_cov=True)
    np.testing.assert_allclose(mean, np.load(GOLDEN / f"{kernel}_{name}_mean.npy"), rtol=0, atol=1e-8)
    np.testing.assert_allclose(covariance, np.load(GOLDEN / f"{kernel}_{name}_cov.npy"), rtol=0, atol=1e-8)


def test_several_times_are_the_first_axis():
    predict_fn = predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, diag_reg=1e-3)
    means = predict_fn(t=[1.0, 5.0], x_test=X_TEST, get="ntk")
    np.testing.assert_array_equal(means[1], predict_fn(t=5.0, x_test=X_TEST, get="ntk"))
    for_ever = predict_fn(t=[1.0, np.inf], x_test=X_TEST, get="ntk")
    np.testing.assert_array_equal(for_ever[1], predict_fn(x_test=X_TEST, get="ntk"))


def test_ways_to_predict_agree():
    kernels, cross = KERNEL_FN(X_TRAIN), KERNEL_FN(X_TEST, X_TRAIN)
    ensemble = predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, diag_reg=1e-3)
    inferred = predict.gp_inference(kernels, Y_TRAIN, diag_reg=1e-3)(("nngp", "ntk"), cross, KERNEL_FN(X_TEST, None, "nngp"))
    for kernel in ("nngp", "ntk"):
        got, expected = getattr(inferred, kernel), ensemble(x_test=X_TEST, get=kernel, compute_cov=True)
        np.testing.assert_allclose(got.mean, expected.mean, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(got.covariance, expected.covariance, rtol=0, atol=1e-10)
        diagonal = predict.gp_inference(kernels, Y_TRAIN, diag_reg=1e-3)(kernel, cross, np.diagonal(KERNEL_FN(X_TEST, None, "nngp")))
        np.testing.assert_allclose(diagonal.covariance, np.diagonal(got.covariance), rtol=0, atol=1e-12)
        mean, covariance = predict.gp_inference(kernels, Y_TRAIN, diag_reg=1e-3)(kernel, None, True)
        np.testing.assert_array_equal(mean, Y_TRAIN)
        np.testing.assert_array_equal(covariance, 0)
        np.testing.assert_array_equal(ensemble(get=kernel), mean)
        np.testing.assert_array_equal(predict.gp_inference(kernels, Y_TRAIN, diag_reg=1e-3)(kernel), mean)
    trained = predict.gradient_descent_mse(kernels.ntk, Y_TRAIN, diag_reg=1e-3)
    _, test = trained(30.0, 0.0, 0.0, cross.ntk)
    np.testing.assert_allclose(test, ensemble(t=30.0, x_test=X_TEST, get="ntk"), rtol=1e-9, atol=1e-11)


def test_max_learning_rate():
    rate = predict.max_learning_rate(KERNEL_FN(X_TRAIN, None, "ntk"), Y_TRAIN.size)
    assert rate == pytest.approx(np.load(GOLDEN / "ntk_max_learning_rate.npy")[0], rel=1e-9)


@pytest.mark.parametrize("call, words", [
    (lambda: predict.gp_inference(np.ones((3, 3)), np.zeros((3, 1)))(), "positive definite"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((2, 1)))(), "shape"),
    (lambda: predict.gradient_descent_mse(np.triu(np.ones((3, 3))), np.zeros((3, 1))), "not symmetric"),
    (lambda: predict.max_learning_rate(np.ones((2, 3))), "square"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(-1.0), "training time is -1"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))("a"), "t must be numbers"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))([]), "t has no time"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)), "a"), "learning_rate must be a number"),
    (lambda: predict.gradient_descent_mse(np.eye(3) * 1j, np.zeros((3, 1))), "k_train_train must be real numbers"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(1.0, np.ones((2, 2))), "fx_train_0 has the shape"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(1.0, 0.0, 0.0, np.ones((4, 2))), "3 training inputs need"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(1.0, 0.0, np.ones(3), np.ones((4, 3))), "fx_test_0 has the shape"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)), "a"), "diag_reg must be a number"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)))("nngp", np.ones((2, 3)), np.full((2, 2), np.nan)), "k_test_test"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)))("nngp", np.ones((2, 2))), "3 training inputs need"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)))("nngp", np.ones((2, 3)), np.ones(3)), "2 test inputs need"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)))("ntk", np.ones((2, 3)), np.ones(2)), "needs k_train_train and"),
    (lambda: predict.gp_inference(np.eye(3), np.zeros((3, 1)))(None, np.ones((2, 3)), np.eye(2)), "for one array give get='nngp'"),
    (lambda: predict.gp_inference(nngp.Kernel(np.eye(3), None), np.zeros((3, 1)))("ntk"), "predictions of 'ntk' need k_train_train with ntk"),
    (lambda: predict.gradient_descent_mse(-np.eye(20), np.zeros(20)), "not positive semidefinite: it has eigenvalues from -1 to -1;"),
    (lambda: predict.gradient_descent_mse(np.ones((9, 9)) - np.eye(9), np.zeros(9)), "not positive semidefinite"),
    (lambda: predict.max_learning_rate(-np.eye(20)), "not positive semidefinite"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(1.0, None, None), "fx_train_0 and fx_test_0 are both None"),
    (lambda: predict.gradient_descent_mse(np.eye(3), np.zeros((3, 1)))(None, None, 0.0), "need k_test_train"),
    (lambda: predict.max_learning_rate(np.eye(3), 0), "y_train_size must be a whole number from 1 on"),
    (lambda: predict.max_learning_rate(np.eye(3), 3, "a"), "momentum must be a number"),
    (lambda: predict.max_learning_rate(np.eye(3), 3, np.nan), "momentum is nan"),
    (lambda: predict.max_learning_rate(np.zeros((0, 0))), "a matrix is wanted"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, np.zeros((24, 0))), "y_train has the shape"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN * 1j), "y_train must be real numbers"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, np.ma.masked_less(Y_TRAIN, 0)), "masked"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, "a"), "learning_rate must be a number"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN)(t=np.nan), "training time is nan"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, diag_reg=-1)(), "diag_reg is -1"),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN[:3]), "24 examples"),
    (lambda: predict.gradient_descent_mse_ensemble(lambda x: x, X_TRAIN, Y_TRAIN), "gp_inference"),
])
def test_misuse_is_told(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_inputs_and_targets_may_change_after_training():
    x, y = X_TRAIN.copy(), Y_TRAIN.astype(np.float64)
    predict_fn = predict.gradient_descent_mse_ensemble(KERNEL_FN, x, y, diag_reg=1e-3)
    expected = predict_fn(x_test=X_TEST, get="ntk")
    x[:] = 0
    y[:] = 0
    np.testing.assert_array_equal(predict_fn(x_test=X_TEST, get="ntk"), expected)
    np.testing.assert_allclose(predict_fn(t=np.inf, x_test=X_TEST, get="ntk"), expected, rtol=1e-13)


def test_kernels_may_change_after_they_were_given():
    kernels, cross = KERNEL_FN(X_TRAIN), KERNEL_FN(X_TEST, X_TRAIN)
    prior, one = KERNEL_FN(X_TEST, None, "nngp"), KERNEL_FN(X_TRAIN, None, "ntk")
    of_both, of_one = predict.gp_inference(kernels, Y_TRAIN, diag_reg=1e-3), predict.gp_inference(one, Y_TRAIN, diag_reg=1e-3)
    trained = predict.gradient_descent_mse(one, Y_TRAIN, diag_reg=1e-3)
    expected = [*of_both("ntk", cross, prior), of_one("ntk", cross), trained(3.0, 0.0)]
    for kernel in *kernels, one:
        kernel[:] = np.eye(len(kernel))
    got = [*of_both("ntk", cross, prior), of_one("ntk", cross), trained(3.0, 0.0), pickle.loads(pickle.dumps(trained))(3.0, 0.0)]
    for a, b in zip(got, [*expected, expected[-1]]):
        np.testing.assert_array_equal(a, b)


def test_kernels_need_be_semidefinite_to_rounding_alone():
    x = X_TRAIN[:, :3]  # of rank 3, so that 21 eigenvalues are rounding's
    kernel = (x.astype(np.float32) @ x.T.astype(np.float32)).astype(np.float64)
    assert predict.max_learning_rate(kernel) == pytest.approx(predict.max_learning_rate(x @ x.T), rel=1e-5)
    np.testing.assert_allclose(predict.gradient_descent_mse(kernel, Y_TRAIN)(50.0), predict.gradient_descent_mse(x @ x.T, Y_TRAIN)(50.0),
                               atol=1e-5)


def test_outputs_that_are_not_asked_for_are_not_returned():
    cross = KERNEL_FN(X_TEST, X_TRAIN, "ntk")
    predict_fn = predict.gradient_descent_mse(KERNEL_FN(X_TRAIN, None, "ntk"), Y_TRAIN, diag_reg=1e-3)
    for t in 3.0, None, [1.0, 2.0]:
        np.testing.assert_array_equal(predict_fn(t, None, 0.0, cross), predict_fn(t, 0.0, 0.0, cross)[1])


def test_one_array_is_either_kernel():
    kernel, cross = KERNEL_FN(X_TRAIN, None, "ntk"), KERNEL_FN(X_TEST, X_TRAIN, "ntk")
    predict_fn = predict.gp_inference(kernel, Y_TRAIN, diag_reg=1e-3)
    both = predict_fn(None, cross)
    assert both._fields == ("nngp", "ntk")
    for mean in both:
        np.testing.assert_array_equal(mean, predict_fn("ntk", cross))


@pytest.mark.parametrize("make, arguments", [
    (lambda: predict.gradient_descent_mse(KERNEL_FN(X_TRAIN, None, "ntk"), Y_TRAIN, 0.7, 1e-3), {"t": 5.0}),
    (lambda: predict.gp_inference(KERNEL_FN(X_TRAIN), Y_TRAIN, 1e-3), {"get": "ntk", "k_test_train": KERNEL_FN(X_TEST, X_TRAIN)}),
    (lambda: predict.gp_inference(KERNEL_FN(X_TRAIN, None, "nngp"), Y_TRAIN, 1e-3), {"get": "nngp"}),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, 0.7, 1e-3, threads=1), {"t": 5.0, "x_test": X_TEST, "get": "ntk"}),
    (lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, 0.7, 1e-3), {"t": 5.0, "get": "nngp"}),
])
def test_predictors_are_pickled(make, arguments):
    predict_fn = make()
    unused, expected = pickle.dumps(predict_fn), predict_fn(**arguments)
    used = pickle.dumps(predict_fn)
    assert used == unused  # without what was computed
    np.testing.assert_array_equal(pickle.loads(used)(**arguments), expected)


def test_what_a_singular_kernel_does_not_see_is_not_learned():
    x, x_test = X_TRAIN[:, :3], X_TEST[:, :3]  # a linear network of three features: rank 3
    kernel, cross = x @ x.T, x_test @ x.T
    train, test = predict.gradient_descent_mse(kernel, Y_TRAIN)(None, 0.0, 0.0, cross)
    weights = np.linalg.lstsq(x, Y_TRAIN, rcond=None)[0]
    np.testing.assert_allclose(train, x @ weights, atol=1e-10)
    np.testing.assert_allclose(test, x_test @ weights, atol=1e-10)
    np.testing.assert_array_equal(predict.gradient_descent_mse(np.zeros((24, 24)), Y_TRAIN)(None, 0.0), np.zeros_like(Y_TRAIN))


def test_axes_that_are_not_averaged_are_refused():
    for call in (lambda: predict.gradient_descent_mse(np.eye(24), Y_TRAIN, trace_axes=()),
                 lambda: predict.gp_inference(np.eye(24), Y_TRAIN, trace_axes=()),
                 lambda: predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, trace_axes=())):
        with pytest.raises(NotImplementedError, match="trace_axes must be"):
            call()


def test_predictions_are_pickled():
    predictions = predict.gradient_descent_mse_ensemble(KERNEL_FN, X_TRAIN, Y_TRAIN, diag_reg=1e-3)(x_test=X_TEST)
    again = pickle.loads(pickle.dumps(predictions))
    assert type(again) is type(predictions)
    np.testing.assert_array_equal(again.ntk, predictions.ntk)
