import ctypes
import ctypes.util
import errno
import inspect
import logging
import math
import pickle
import re
import threading
import time
import warnings

import numpy as np
import pytest
import scipy.sparse
from scipy.special import erf

import nngp
from nngp import stax
from nngp._arrays import as_array

RANDOM = np.random.default_rng(0)
X1, X2 = RANDOM.normal(size=(9, 4)), RANDOM.normal(size=(5, 4))
NET = stax.serial(stax.Dense(512, 1.5, 0.05), stax.Relu(), stax.Dense(1))


def erf_nngp(cov12, var1, var2):
    return 2 / np.pi * np.arcsin(2 * cov12 / np.sqrt((1 + 2 * var1) * (1 + 2 * var2)))


def around(layer):
    return stax.serial(stax.Dense(512, 1.5, 0.05), layer, stax.Dense(1)).kernel_fn


def test_a_layer_unpacks_as_three_functions():
    init_fn, apply_fn, kernel_fn = NET
    assert kernel_fn(X1, X2, "ntk").shape == (9, 5)


def test_get_chooses_what_is_returned():
    both = NET.kernel_fn(X1, X2)
    assert both._fields == ("nngp", "ntk")
    np.testing.assert_array_equal(both.nngp, NET.kernel_fn(X1, X2, "nngp"))
    assert NET.kernel_fn(X1, X2, ("ntk", "nngp"))._fields == ("ntk", "nngp")
    with pytest.raises(ValueError, match="get must be"):
        NET.kernel_fn(X1, X2, "cov")


def test_float32_stays_and_all_else_becomes_float64():
    assert NET.kernel_fn(X1.astype("float32"), None, "ntk").dtype == np.float32
    assert NET.kernel_fn(X1.astype("float32"), X2, "ntk").dtype == np.float64
    assert NET.kernel_fn([[1, 2], [3, 4]], None, "ntk").dtype == np.float64


def test_inputs_of_any_layout_give_the_same():
    expected = NET.kernel_fn(X1, X2, "ntk")
    np.testing.assert_array_equal(NET.kernel_fn(np.asfortranarray(X1), X2, "ntk"), expected)
    np.testing.assert_array_equal(NET.kernel_fn(np.repeat(X1, 2, axis=0)[::2], X2, "ntk"), expected)
    np.testing.assert_array_equal(NET.kernel_fn(X1[::-1], X2, "ntk")[::-1], expected)
    np.testing.assert_array_equal(NET.kernel_fn(X1.tolist(), X2, "ntk"), expected)


@pytest.mark.parametrize("x1, x2, words", [
    (X1, X2[:, :3], "x1 has 4 features, x2 has 3"),
    (X1[0], None, "reshape"),
    (np.zeros((2, 0)), None, "is empty"),
    (np.where(X1 == X1[2, 1], np.nan, X1), None, "nan in row 2, column 1"),
    ([["a"]], None, "must be numbers"),
    (X1 * 1j, None, "must be real numbers"),
    (np.array([["2020-01-01"]], "M8[D]"), None, "must be real numbers"),
    (np.ma.masked_less(X1, 0), None, "masked"),
    (np.full((2, 2), 1e200), None, "scale the data"),
    ([[1, 2], [3]], None, "x1 is no array of numbers: parts of it differ in length"),
    ([[10**400]], None, "must be numbers: int too large"),
    ([[1, 2**53 + 1]], None, "x1 has 9007199254740993, which float64 does not hold exactly"),
    ([[2**70 + 1]], None, "x1 has 1180591620717411303425, which"),
    (np.array([[2**63 + 1]], np.uint64), None, "x1 has 9223372036854775809, which"),
    (None, None, "x1 is None"),
    ({1, 2}, None, "must be numbers, not a set"),
    (scipy.sparse.eye(3).tocsr(), None, r"not a csr_matrix; \.toarray\(\) makes an array of it"),
])
def test_unsuitable_inputs_are_refused(x1, x2, words):
    with pytest.raises(ValueError, match=words):
        NET.kernel_fn(x1, x2)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: NET.kernel_fn(X1, thread=2), TypeError, "takes no argument 'thread'"),
    (lambda: NET.kernel_fn(X1, threads=-1), ValueError, "threads must be"),
    (lambda: NET.kernel_fn(X1, get=3), ValueError, "get must be"),
    (lambda: NET.kernel_fn(X1, progress=3), ValueError, "progress must be"),
    (lambda: NET.kernel_fn(X1, progress=lambda done, total: 1 / 0), ZeroDivisionError, "division"),
    (lambda: NET.kernel_fn(X1, None, "ntk", out="/nowhere/k.npy"), FileNotFoundError, "no folder"),
    (lambda: NET.kernel_fn(X1, None, "ntk", out="k.npy", memory=-1), ValueError, "memory must be"),
    (lambda: NET.kernel_fn(X1, out=np.empty((9, 9))), ValueError, "out needs 2 arrays"),
    (lambda: NET.kernel_fn(X1, out=[np.empty((9, 9))] * 2), ValueError, "share memory"),
    (lambda b=np.ones(81): NET.kernel_fn(b[:36].reshape(9, 4), None, "ntk", out=b.reshape(9, 9)), ValueError, "with the inputs"),
    (lambda: NET.kernel_fn(X1, None, "ntk", out="n\0.npy"), ValueError, "null character"),
    (lambda: NET.kernel_fn(X1, out=("nngp.npy", np.empty((9, 9)))), ValueError, "out needs 2 paths"),
    (lambda: NET.kernel_fn(X1, out=("k.npy", "./k.npy")), ValueError, "both paths of out are one file"),
    (lambda: NET.kernel_fn(X1, None, "ntk", resume=True), ValueError, "resume needs out"),
    (lambda: NET.kernel_fn.operator(X1, get=("nngp", "ntk")), ValueError, "an operator is of one kernel"),
    (lambda: NET.kernel_fn(X1, allowed_error=np.nan), ValueError, "allowed_error must be a number from 0 on"),
    (lambda: NET.kernel_fn(X1, None, "ntk", out=np.broadcast_to(0.0, (9, 9))), ValueError, "writable"),
    (lambda: np.asarray(NET.kernel_fn.operator(np.ones((10**6, 1)))), MemoryError, "allocate"),
    (lambda: stax.repeat(NET, -1), ValueError, "n must be a whole number from 1 on"),
    (lambda: stax.repeat(NET, 10**9), ValueError, "more than 100000 layers"),
    (lambda: stax.repeat(NET, 10**40), ValueError, "more than 100000 layers"),
    (lambda: stax.Dense("1), Relu("), ValueError, "out_dim"),
    (lambda: stax.Dense(3, np.array([1.0, 2.0])), ValueError, "W_std"),
    (lambda: stax.parse(3), ValueError, "a model is a text"),
    (lambda: stax.parse("Relu(\udc80)"), ValueError, "characters that are none"),
    (lambda: stax.Elementwise("x + \udc80"), ValueError, "characters that are none"),
    (lambda: stax.Elementwise([1]), ValueError, "must be a function or a formula"),
    (lambda: stax.Elementwise(True), ValueError, "must be a function or a formula, not a bool"),
    (lambda: stax.ElementwiseNumerical("x", tol="a"), ValueError, "tol must be a number"),
    (lambda: NET.apply_fn([(np.zeros((4, 0)), None)] * 2, X1), ValueError, r"W has the shape \(4, 0\); \(inputs, outputs\) is wanted"),
    (lambda: nngp.monte_carlo_kernel_fn(NET.init_fn, stax.Relu().apply_fn), ValueError, "apply_fn must be that of the layer of init_fn"),
    (lambda: nngp.monte_carlo_kernel_fn(NET.init_fn, 7), ValueError, "apply_fn must be that of the layer of init_fn, or None, not 7"),
    (lambda: NET.init_fn(0.5, (-1, 4)), ValueError, "a key is"),
    (lambda: NET.init_fn(0, (4,)), ValueError, "input_shape must be"),
    (lambda: NET.apply_fn(None, X1), ValueError, "params must be"),
    (lambda: NET.init_fn(0, None), ValueError, "input_shape must be"),
    (lambda: NET.init_fn(0, (-1, 4), dtype="int8"), ValueError, "dtype must be float32 or float64"),
    (lambda: NET.apply_fn([(object(), None)], X1), ValueError, "W must be numbers"),
    (lambda: NET.apply_fn([(1j * W, b) for W, b in NET.init_fn(0, (-1, 4))[1]], X1), ValueError, "W must be real numbers"),
    (lambda: NET.apply_fn([(np.nan * W, b) for W, b in NET.init_fn(0, (-1, 4))[1]], X1), ValueError, "params: W is nan"),
    (lambda: NET.apply_fn(NET.init_fn(0, (-1, 4))[1][:1], X1), ValueError, "do not fit this network"),
    (lambda: nngp.monte_carlo_kernel_fn(NET, n_samples=-1)(X1), ValueError, "n_samples must be"),
    (lambda: nngp.monte_carlo_kernel_fn(NET, n_samples=[3, "4"]), ValueError, "n_samples must be"),
    (lambda: nngp.monte_carlo_kernel_fn("Relu()"), ValueError, "init_fn must be that of a layer"),
    (lambda: nngp.monte_carlo_kernel_fn(NET, n_sample=3), TypeError, "n_sample"),
    (lambda: nngp.monte_carlo_kernel_fn(NET)(X1, bogus=7), TypeError, "kernel_fn takes no argument 'bogus'"),
    (lambda: nngp.monte_carlo_kernel_fn(NET, trace_axes=()), NotImplementedError, "trace_axes must be"),
    (lambda: stax.Dense(8, channel_axis=1), ValueError, "channel_axis"),
    (lambda: stax.LayerNorm(channel_axis=1), ValueError, "channel_axis"),
])
def test_misuse_is_told(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_every_activation_of_every_plugin_is_a_layer():
    assert {"Relu", "Erf", "Gelu", "Tanh"} <= set(dir(stax))
    assert str(inspect.signature(stax.Erf)).startswith("(a=1.0, b=1.0, c=0.0)")
    assert "factor of the output" in stax.Erf.__doc__
    assert str(stax.Erf(b=2)) == "Erf(a=1.0, b=2.0, c=0.0)"
    with pytest.raises(AttributeError, match="did you mean 'Relu'"):
        stax.Rleu
    with pytest.raises(AttributeError, match="did you mean 'Relu'"):
        stax.relu
    with pytest.raises(AttributeError, match=r"no kernel is known .* with MaxPool: AvgPool\(...\) has one"):
        stax.MaxPool
    with pytest.raises(ValueError, match="call it to make a layer"):
        stax.serial(stax.Relu)
    with pytest.raises(ValueError, match="W_std must be"):
        stax.Dense(3, W_std=-1)


def test_layers_are_values():
    assert pickle.loads(pickle.dumps(NET)) == NET
    kernels = NET.kernel_fn(X1, None, ("ntk", "nngp"))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(kernels)).ntk, kernels.ntk)
    assert pickle.loads(pickle.dumps(stax.Relu)) is stax.Relu
    operator = NET.kernel_fn.operator(X1, X2, "ntk")
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(operator)), operator)
    assert stax.parse(str(NET)) == NET
    assert "closed form" in NET._repr_html_()


def test_callables_are_read_as_formulas():
    layer = stax.Elementwise(erf, erf_nngp)
    assert "fn='erf(x)'" in str(layer)
    got, expected = around(layer)(X1, X2), around(stax.Erf())(X1, X2)
    np.testing.assert_allclose(got.nngp, expected.nngp, rtol=1e-13)
    np.testing.assert_allclose(got.ntk, expected.ntk, rtol=1e-12)


@pytest.mark.parametrize("fn, formula", [
    (lambda x: np.maximum(x, 0), "maximum(x, 0)"),
    (lambda x: np.where(x > 0, x, 0.1 * x), "where((x > 0.0), x, (0.1 * x))"),
    (lambda x: x * (x > 0), "(x * (x > 0.0))"),
    (lambda x: x / (1 + np.exp(-x)), "x / (1 + exp(-x))"),
    (lambda x: np.clip(x, -1, 1), "clip(x, -1, 1)"),
    (lambda x: abs(x) ** 3 - 2, "abs(x)**3 - 2"),
    (lambda x: x.astype(float) ** 3, "x**3"),
    (lambda x: np.tanh(x) if True else x, "tanh(x)"),
    (lambda x: -np.square(x - np.float64(0.5)), "-(x - 0.5)**2"),
])
def test_traces_compute_what_the_function_does(fn, formula):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        traced = stax.serial(stax.Elementwise(fn))
    written = stax.serial(stax.Elementwise(formula if "(" in formula or "*" in formula else None))
    x = np.linspace(-3, 3, 61).reshape(-1, 1)
    for layer in (traced, written):
        _, params = layer.init_fn(0, (-1, 1))
        np.testing.assert_allclose(layer.apply_fn(params, x), fn(x), rtol=1e-14, atol=1e-15)


def test_what_cannot_be_read_is_called_with_a_warning():
    with pytest.warns(stax.SlowActivationWarning, match="one number"):
        layer = stax.Elementwise(math.erf, lambda c, v1, v2: erf_nngp(float(c), v1, v2))
    np.testing.assert_allclose(around(layer)(X1, X2, "nngp"), around(stax.Erf())(X1, X2, "nngp"), rtol=1e-12)


def sign_of_branches(x):
    if x > 1:
        return x - 1
    return x + 1 if x < -1 else 0.0


def softplus_of_math(x):
    return math.log1p(math.exp(x)) if x < 0 else x + math.log1p(math.exp(-x))


@pytest.mark.parametrize("fn, formula", [
    (sign_of_branches, "where(x > 1, x - 1, where(x < -1, x + 1, 0))"),
    (softplus_of_math, "softplus(x)"),
    (math.erf, "erf(x)"),
    (math.tanh, "tanh(x)"),
    (lambda x: max(0.0, min(x, 2)), "clip(x, 0, 2)"),
    (lambda x: np.select([x < -1, x > 1], [-1.0, 1.0], x), "clip(x, -1, 1)"),
    (lambda x: math.pow(math.fabs(x), 3), "abs(x)**3"),
])
def test_scalar_functions_are_read_too(fn, formula):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = around(stax.Elementwise(fn))(X1, X2)
    expected = around(stax.Elementwise(formula))(X1, X2)
    np.testing.assert_allclose(got.nngp, expected.nngp, rtol=1e-9)
    np.testing.assert_allclose(got.ntk, expected.ntk, rtol=1e-8)


@pytest.mark.parametrize("fn, words", [
    (lambda x: ((x > 0) + (x > 1)) * x, "returns"),  # truths of numpy add up to 1
    (lambda x: np.nan_to_num(x * np.log(np.abs(x))), "returns"),
    (lambda x: np.cumsum(x), "cumsum"),
    (lambda x: x.astype(int), "turns its argument into int64"),
    (lambda x: x.astype(bool) * x, "turns its argument into bool"),
    (lambda x: x.astype(np.float16), "turns its argument into float16"),
    (lambda x: x if int(x) else x, "one number"),
    (lambda x: sum(1 / (1 + n**2) for n in range(3) if [x > n, x < -n][n % 2] and (x > n / 7) and (x > n / 9) and (x < n)), None),
])
def test_what_would_be_read_wrongly_is_called(fn, words):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        layer = stax.Elementwise(fn)
    assert words is None or words in str(told[0].message)
    x = np.linspace(-3, 3, 61).reshape(-1, 1)
    _, params = stax.serial(layer).init_fn(0, (-1, 1))
    with np.errstate(all="ignore"):
        expected = [np.reshape(fn(np.float64(value)), ()) for value in x[:, 0]]
    np.testing.assert_allclose(stax.serial(layer).apply_fn(params, x)[:, 0], expected, rtol=1e-14, atol=1e-15)


def test_what_is_called_is_differentiated_as_all_else():
    calls = []

    def nngp_fn(cov12, var1, var2):
        calls.append(np.size(cov12))
        return erf_nngp(cov12.copy(), var1, var2)

    with pytest.warns(stax.SlowActivationWarning):
        layer = stax.Elementwise(lambda x: erf(x.copy()), nngp_fn)
    x = RANDOM.normal(size=(60, 3))
    calls.clear()
    got, expected = around(layer)(x), around(stax.Erf())(x)
    np.testing.assert_allclose(got.ntk, expected.ntk, rtol=1e-9)
    assert len(calls) < 200  # by tiles, not by entries


def test_functions_that_add_up_are_called_entry_by_entry():
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)

    def nngp_fn(cov12, var1, var2):  # of arrays of three it would be another sum
        return np.sum(weights * nodes**2) / weights.sum() * np.cbrt(np.sum(cov12.copy()))

    with pytest.warns(stax.SlowActivationWarning):
        layer = stax.Elementwise(None, nngp_fn)
    expected = around(stax.Elementwise(nngp_fn="cbrt(cov12)"))(X1, X2, "nngp")
    np.testing.assert_allclose(around(layer)(X1, X2, "nngp"), expected, rtol=1e-13)


@pytest.mark.filterwarnings("ignore::nngp.stax.SlowActivationWarning")
@pytest.mark.parametrize("functions, kind, words", [
    ((lambda x: 1j * np.array(x),), ValueError, "what fn returns must be real numbers"),
    ((lambda x: np.complex128(complex(x)),), ValueError, "what fn returns must be real numbers"),
    ((lambda x: None,), ValueError, "fn returns None for numbers"),
    ((lambda x: np.array([1.0, 2.0]),), ValueError, r"fn returns an array of the shape \(2,\) for numbers"),
    ((lambda x: "a",), ValueError, "what fn returns must be numbers"),
    ((lambda: 1,), TypeError, "positional argument"),
    ((None, lambda c, v1, v2: np.ones((2, 3))), ValueError, r"nngp_fn returns an array of the shape \(2, 3\)"),
    ((None, lambda c, v1, v2: np.array(c) * 1j), ValueError, "what nngp_fn returns must be real numbers"),
    ((None, lambda c, v1, v2: None), ValueError, "nngp_fn returns None"),
    ((None, lambda c: c), TypeError, "positional argument"),
    ((None, lambda c, v1, v2: np.array(c) * np.nan), ValueError, "nan"),
])
def test_what_functions_return_is_checked(functions, kind, words):
    with pytest.raises(kind, match=words):
        around(stax.Elementwise(*functions))(X1, X2, "nngp")


def test_the_kernel_of_a_jump_is_not_differentiated():
    with pytest.warns(stax.SlowActivationWarning):
        layer = stax.Elementwise(lambda x: np.sign(x.copy()), lambda c, v1, v2: 2 / np.pi * np.arcsin(np.clip(c.copy() / np.sqrt(v1 * v2), -1, 1)))
    around(layer)(X1, X2, "nngp")
    with pytest.raises(NotImplementedError, match="jumps"):
        around(layer)(X1, X2, "ntk")


def test_compiled_functions_are_taken_as_they_are():
    libm = ctypes.CDLL(ctypes.util.find_library("m"))
    libm.erf.argtypes, libm.erf.restype = [ctypes.c_double], ctypes.c_double

    class Compiled:  # as numba's
        address = ctypes.cast(libm.erf, ctypes.c_void_p).value

        def __call__(self, x):
            raise AssertionError("is called by its address")

    expected = around(stax.Elementwise("erf(x)"))(X1, X2).ntk
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for fn in (libm.erf, Compiled(), Compiled.address):
            np.testing.assert_allclose(around(stax.Elementwise(fn))(X1, X2).ntk, expected, rtol=1e-9)
    data = ctypes.create_string_buffer(8)  # which the process may not run
    for address in 0, -1, 1, ctypes.addressof(data):
        with pytest.raises(ValueError, match="not the address"):
            stax.Elementwise(address)
    for types in (ctypes.c_float, ctypes.c_float), (ctypes.c_double, ctypes.c_double, ctypes.c_double):
        with pytest.raises(ValueError, match=r"fn is compiled for other types: it must take \(double\) and return a double"):
            stax.Elementwise(ctypes.CFUNCTYPE(*types)(lambda *_: 0.0))


def test_functions_of_numba_are_taken():
    numba = pytest.importorskip("numba")
    expected = around(stax.Elementwise("tanh(x)"))(X1, X2).ntk
    compiled = numba.cfunc("float64(float64)")(lambda x: math.tanh(x))
    np.testing.assert_allclose(around(stax.Elementwise(compiled))(X1, X2).ntk, expected, rtol=1e-9)
    assert str(stax.Elementwise(numba.njit(lambda x: math.tanh(x)))) == "Elementwise(fn='tanh(x)')"
    with pytest.raises(ValueError, match="compiled for other types"):
        stax.Elementwise(numba.cfunc("float32(float32)")(lambda x: x))


def test_functions_of_numbers_are_read_through_vectorize():
    assert str(stax.Elementwise(np.vectorize(lambda x: math.tanh(x)))) == "Elementwise(fn='tanh(x)')"


@pytest.mark.parametrize("fn", ["erf(x)", erf, stax.Erf(), "Erf()", "Erf"])
def test_a_tolerance_is_kept(fn):
    layer = stax.ElementwiseNumerical(fn, deg=25, tol=1e-6)
    assert "tol=1e-06" in str(layer)
    np.testing.assert_allclose(around(layer)(X1, X2).ntk, around(stax.Erf())(X1, X2).ntk, rtol=1e-5)
    with pytest.raises(ValueError, match="tol"):
        stax.ElementwiseNumerical(fn, tol=2)


def test_what_is_not_exact_is_told():
    kernel_fn = around(stax.ElementwiseNumerical("tanh(sin(1e9 * x))"))
    with pytest.warns(nngp.InexactWarning, match="is integrated with relative errors up to .*: fn varies on scales too small"):
        kernel_fn(X1, allowed_error=1e9)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        around(stax.ElementwiseNumerical("tanh(x)", tol=1e-12))(X1.astype("float32"))  # its own accuracy is enough


def test_exceptions_stay_with_their_computation():
    def fails(x):
        raise KeyError("mine")

    with pytest.warns(stax.SlowActivationWarning):
        bad = around(stax.Elementwise(lambda x: fails(x) if isinstance(x, float) else np.tanh(x.copy())))
    good = around(stax.Tanh())
    x = RANDOM.normal(size=(300, 3))
    expected, outcomes = good(x, None, "ntk"), []

    def compute_good():
        outcomes.extend(np.array_equal(good(x, None, "ntk"), expected) for _ in range(5))

    def compute_bad():
        for _ in range(20):
            with pytest.raises(KeyError, match="mine"):
                bad(X1)
        outcomes.append(True)

    threads = [threading.Thread(target=target) for target in (compute_good, compute_bad)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [True] * 6


def test_layers_of_functions_are_pickled_by_them():
    traced = stax.serial(stax.Dense(3), stax.Elementwise(lambda x: np.tanh(x)))
    assert pickle.loads(pickle.dumps(traced)) == traced
    with pytest.warns(stax.SlowActivationWarning):
        called = stax.serial(stax.Dense(3), stax.Elementwise(np.cbrt, lambda c, v1, v2: c), stax.Elementwise(np.spacing))
        again = pickle.loads(pickle.dumps(stax.serial(stax.Dense(3), stax.Elementwise(np.spacing))))
    assert "spacing" in str(again)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        with pytest.warns(stax.SlowActivationWarning):
            pickle.dumps(stax.Elementwise(lambda x: np.spacing(x)))


def test_exceptions_in_a_callable_reach_the_caller():
    class Mine(Exception):
        pass

    def nngp_fn(cov12, var1, var2):
        if cov12.shape:
            raise Mine("here")
        return cov12

    with pytest.warns(stax.SlowActivationWarning):
        layer = stax.Elementwise(None, lambda c, v1, v2: nngp_fn(np.asarray(c, float), v1, v2))
    with pytest.raises(Mine, match="here"):
        around(layer)(X1, X2, "nngp")


def test_formulas_are_texts_with_numbers():
    layer = stax.Elementwise(fn="a * tanh(x / a)", a=1.5)
    assert str(layer) == "Elementwise(fn='a * tanh(x / a)', a=1.5)"
    with pytest.raises(ValueError, match="did you mean 'tan' or 'tanh'"):
        stax.Elementwise(fn="tahn(x)")


def test_nothing_to_compute_with_is_not_implemented():
    with pytest.raises(NotImplementedError, match="fn"):
        stax.Elementwise()
    only_kernel = stax.serial(stax.Dense(3), stax.Elementwise(nngp_fn=erf_nngp))
    with pytest.raises(NotImplementedError, match="no fn"):
        only_kernel.init_fn(0, (-1, 4))


def test_finite_networks():
    init_fn, apply_fn, kernel_fn = stax.serial(stax.Dense(64, 1.5, 0.05), stax.Relu(), stax.Dense(3))
    shape, params = init_fn(7, (-1, 4))
    assert shape == (-1, 3)
    assert [(W.shape, None if b is None else b.shape) for W, b in params] == [((4, 64), (1, 64)), ((64, 3), None)]
    np.testing.assert_array_equal(params[0][0], init_fn(7, (-1, 4))[1][0][0])
    (W1, b1), (W2, _) = params
    hidden = np.maximum(1.5 / 2 * X1 @ W1 + 0.05 * b1, 0)
    np.testing.assert_allclose(apply_fn(params, X1), hidden @ W2 / 8, rtol=1e-12, atol=1e-13)


def test_monte_carlo_tends_to_the_kernel():
    net = stax.serial(stax.Dense(256, 1.5, 0.05), stax.Relu(), stax.Dense(1))
    sampled = nngp.monte_carlo_kernel_fn(net.init_fn, net.apply_fn, 1, 400)(X1, X2, "ntk")
    exact = net.kernel_fn(X1, X2, "ntk")
    assert [k.shape for k in nngp.monte_carlo_kernel_fn(net, n_samples=[1, 2])(X1, X2, "ntk")] == [(9, 5)] * 2
    # Entries have a standard error of about their size / sqrt(400 * 256).
    assert np.abs(sampled - exact).max() < 0.05 * np.abs(exact).max()


def test_operators_compute_parts():
    whole = NET.kernel_fn(X1, X2, "ntk")
    operator = NET.kernel_fn.operator(X1, X2, "ntk")
    v = RANDOM.normal(size=(5, 2))
    np.testing.assert_allclose(operator @ v, whole @ v, rtol=1e-13)
    np.testing.assert_array_equal(np.asarray(operator), whole)
    np.testing.assert_array_equal(operator[2:4, 1], whole[2:4, 1])
    np.testing.assert_array_equal(operator[[4, 1], ::2], whole[[4, 1], ::2])
    assert operator[3, 2] == whole[3, 2]
    np.testing.assert_allclose(operator[[0, 8], [0, 4]], whole[np.ix_([0, 8], [0, 4])], rtol=1e-13)
    np.testing.assert_array_equal(operator[np.arange(9) > 6, 0], whole[7:, 0])
    np.testing.assert_allclose(operator.T @ np.ones(9), whole.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(np.ones(9) @ operator, whole.sum(axis=0), rtol=1e-12)
    with pytest.raises(IndexError):
        operator[9]
    with pytest.raises(ValueError, match="times an array of shape"):
        operator @ np.ones(3)
    np.testing.assert_allclose(operator.linear_operator().rmatvec(np.ones(9)), whole.sum(axis=0), rtol=1e-12)


def test_operators_take_what_kernels_take():
    whole = NET.kernel_fn(X1, X2, "ntk")
    wide, constant = np.repeat(X1, 2, axis=1)[:, ::2], np.broadcast_to(X1[0], X1.shape)
    for x in np.asfortranarray(X1), wide, X1.tolist():
        np.testing.assert_array_equal(nngp.Operator(NET.kernel_fn, x, X2, "ntk"), whole)
    np.testing.assert_allclose(nngp.Operator(NET.kernel_fn, constant, X2, "ntk"), np.broadcast_to(whole[0], whole.shape), rtol=1e-13)
    for arguments, words in (((NET.kernel_fn, X1[0]), "reshape"), ((NET.kernel_fn, X1 * np.nan), "nan in row 0"),
                             ((NET.kernel_fn, X1, X2[:, :3]), "both need the same"), ((NET.kernel_fn, X1, None, "cov"), "get must be"),
                             ((NET, X1), "kernel_fn must be that of a layer"), ((NET.kernel_fn, X1, None, "ntk", -1), "threads must be")):
        with pytest.raises(ValueError, match=words):
            nngp.Operator(*arguments)
    with pytest.raises(ValueError, match="reshape"):
        operator = NET.kernel_fn.operator(X1)
        operator._x1 = X1[0]
        pickle.loads(pickle.dumps(operator))


def test_inputs_of_operators_may_change(tmp_path):
    x1, x2 = X1.copy(), X2.copy()
    operator, transposed = NET.kernel_fn.operator(x1, x2, "ntk"), NET.kernel_fn.operator(x1, x2, "ntk").T
    expected, view = NET.kernel_fn(X1, X2, "ntk"), x1[:]
    view.flags.writeable = False
    of_view = NET.kernel_fn.operator(view, None, "ntk")
    x1[:], x2[:] = 0, 0
    for part in np.asarray(operator), operator[:], np.stack([operator[[i], :][0] for i in range(9)]), np.asarray(transposed).T:
        np.testing.assert_allclose(part, expected, rtol=1e-13)
    np.testing.assert_array_equal(of_view, NET.kernel_fn(X1, None, "ntk"))
    np.save(tmp_path / "x.npy", X1)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.shares_memory(NET.kernel_fn.operator(mapped)._x1, mapped)


def test_results_go_to_arrays_and_files(tmp_path):
    expected = NET.kernel_fn(X1, X2)
    nngp_out, ntk_out = np.empty((9, 5)), np.empty((9, 5))
    NET.kernel_fn(X1, X2, out=(nngp_out, ntk_out))
    np.testing.assert_array_equal(ntk_out, expected.ntk)
    mapped = NET.kernel_fn(X1, X2, "ntk", out=tmp_path / "ntk.npy")
    assert isinstance(mapped, np.memmap)
    np.testing.assert_array_equal(mapped, expected.ntk)
    with pytest.raises(ValueError, match="shape"):
        NET.kernel_fn(X1, X2, "ntk", out=np.empty((2, 2)))


@pytest.mark.parametrize("path, kind, number", [
    ("/proc/ntk.npy", FileNotFoundError, errno.ENOENT),
    ("n" * 300 + ".npy", OSError, errno.ENAMETOOLONG),
    ("nowhere/ntk.npy", FileNotFoundError, errno.ENOENT),
    (".", IsADirectoryError, errno.EISDIR),
])
def test_errors_of_files_have_number_and_name(tmp_path, path, kind, number):
    with pytest.raises(kind) as caught:
        NET.kernel_fn(X1, None, "ntk", out=tmp_path / path)
    assert caught.value.errno == number
    assert str(caught.value.filename).endswith((path, str(tmp_path)))


def test_arrays_come_by_dlpack():
    class Tensor:  # of another library
        def __init__(self, array):
            self._array = array

        def __dlpack__(self, **kwargs):
            return self._array.__dlpack__(**kwargs)

        def __dlpack_device__(self):
            return self._array.__dlpack_device__()

    np.testing.assert_array_equal(NET.kernel_fn(Tensor(X1), Tensor(X2), "ntk"), NET.kernel_fn(X1, X2, "ntk"))
    assert NET.kernel_fn(Tensor(X1.astype("float32")), None, "ntk").dtype == np.float32
    assert np.shares_memory(as_array(Tensor(X1)), X1)


def test_interrupted_files_are_resumed(tmp_path):
    x, path = RANDOM.normal(size=(1500, 3)), tmp_path / "ntk.npy"
    pause = 0.002  # of each tile, so that the computation is not over before `stop` is first asked

    def nngp_fn(cov12, var1, var2):
        time.sleep(pause)
        return np.array(cov12, np.float64)  # which cannot be traced

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kernel_fn = around(stax.Elementwise(lambda x: x, nngp_fn, lambda *_: 1.0))

    class Enough(Exception):
        pass

    def stop(done, total):
        if done > total // 4:
            raise Enough

    with pytest.raises(Enough):
        kernel_fn(x, None, "ntk", out=path, memory=4 << 20, threads=1, progress=stop)
    assert not path.exists()
    time.sleep(1)  # what runs in the background comes to its end
    resumed = kernel_fn(x, None, "ntk", out=path, memory=4 << 20, resume=True)
    np.testing.assert_array_equal(resumed, kernel_fn(x, None, "ntk"))


def test_files_of_inputs_are_not_overwritten(tmp_path):
    np.save(tmp_path / "x.npy", X1)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    with pytest.raises(ValueError, match="the file of an input"):
        NET.kernel_fn(x[:3], None, "ntk", out=f"{tmp_path}/./x.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "x.npy"), X1)


def test_there_is_nothing_to_resume(tmp_path):
    with pytest.raises(ValueError, match="nothing to resume: no journal '.*'; start anew$"):
        NET.kernel_fn(X1, None, "ntk", out=tmp_path / "ntk.npy", resume=True)


def test_long_computations_tell_their_duration():
    class Told(Exception):
        pass

    class Handler(logging.Handler):
        def emit(self, record):
            raise Told(record.getMessage())

    logger, handler = logging.getLogger("nngp"), Handler()
    logger.addHandler(handler)
    try:
        with pytest.raises(Told, match=r"^this takes about (\d+ h \d+ min|\d+ min \d+ s)$"):
            nngp.monte_carlo_kernel_fn(NET, n_samples=10**7)(X1)
    finally:
        logger.removeHandler(handler)


def test_progress_is_told():
    told = []
    around(stax.Tanh())(RANDOM.normal(size=(1500, 3)), progress=lambda done, total: told.append((done, total)))
    assert all(done <= total for done, total in told)


def test_kernels_that_are_hardly_known_are_refused():
    kernel_fn = around(stax.ElementwiseNumerical("tanh(sin(1e9 * x))"))
    with pytest.raises(ValueError, match="above 0.001: fn varies on scales too small .*; allowed_error = "):
        kernel_fn(X1)
    with pytest.raises(ValueError, match="allowed_error"):
        kernel_fn.operator(X1)
    assert np.isfinite(kernel_fn(X1, get="nngp", allowed_error=1e9)).all()
    predict = nngp.predict.gradient_descent_mse_ensemble(kernel_fn, X1, np.ones((len(X1), 1)), diag_reg=0.1)
    with pytest.raises(ValueError, match="allowed_error"):
        predict(x_test=X2)


def test_threads_do_not_matter():
    x = RANDOM.normal(size=(300, 4))
    np.testing.assert_array_equal(NET.kernel_fn(x, threads=1).ntk, NET.kernel_fn(x, threads=3).ntk)


def test_integers_that_float64_holds_are_taken():
    x = np.array([[2**53, -2**53, 2**62]])
    np.testing.assert_array_equal(NET.kernel_fn(x, None, "ntk"), NET.kernel_fn(x.astype(float), None, "ntk"))
    np.testing.assert_array_equal(NET.kernel_fn([[2**70]], None, "ntk"), NET.kernel_fn([[2.0**70]], None, "ntk"))


def test_enumerations_are_names_of_texts():
    def attention(mechanism, embedding):
        return stax.GlobalSelfAttention(8, n_chan_key=8, n_chan_val=8, n_heads=2, attention_mechanism=mechanism, pos_emb_type=embedding)

    assert attention(stax.AttentionMechanism.IDENTITY, stax.PositionalEmbedding.SUM) == attention("IDENTITY", "SUM")
    for member in stax.AttentionMechanism:
        assert attention(member, "NONE") == attention(member.name, "NONE") == attention(member.value, "NONE")
    for member in stax.PositionalEmbedding:
        assert attention("RELU", member) == attention("RELU", member.name)


def test_a_decay_is_read_as_it_is_computed():
    with pytest.raises(ValueError, match="pos_emb_decay_fn cannot be read .* into int64"):
        stax.GlobalSelfAttention(8, n_chan_key=8, n_chan_val=8, n_heads=2, attention_mechanism="RELU", pos_emb_type="SUM",
                                 pos_emb_decay_fn=lambda x: np.exp(-x.astype(int)))
