"""Networks on signals, images and volumes."""

import inspect
import pathlib
import pickle
import re
import threading

import numpy as np
import pytest

import nngp
from nngp import predict, stax

ROOT = pathlib.Path(__file__).resolve().parents[2]
GOLDEN = ROOT / "tests/golden/spatial"
RANDOM = np.random.default_rng(0)
X1, X2 = RANDOM.normal(size=(5, 6, 6, 2)), RANDOM.normal(size=(4, 6, 6, 2))
NET = stax.serial(stax.Conv(32, (3, 3), padding="SAME", W_std=1.4, b_std=0.1), stax.Relu(), stax.AvgPool((2, 2), (2, 2)),
                  stax.Flatten(), stax.Dense(3, 1.2, 0.1))


@pytest.mark.parametrize("network", sorted(path.name for path in GOLDEN.iterdir()))
def test_kernels_agree_with_exact_ones(network):
    folder = GOLDEN / network
    kernel_fn = stax.parse((folder / "model.txt").read_text()).kernel_fn
    x1, x2 = np.load(folder / "x1.npy"), np.load(folder / "x2.npy")
    own = kernel_fn(x1), kernel_fn(x2), kernel_fn(x1, x2)
    for name in ("nngp", "ntk"):
        self1, self2, cross = (getattr(kernels, name) for kernels in own)
        for kernel, exact, var2 in ((self1, np.load(folder / f"{name}_self_exact.npy"), np.diagonal(self1)),
                                    (cross, np.load(folder / f"{name}_exact.npy"), np.diagonal(self2))):
            scale = np.maximum(np.abs(exact), np.sqrt(np.outer(np.diagonal(self1), var2)))
            assert np.abs((kernel - exact) / scale).max() < 1e-12


def test_arguments_are_those_of_neural_tangents():
    signatures = {
        "Dense": "(out_dim, W_std=1.0, b_std=None, batch_axis=0, channel_axis=-1, parameterization='ntk', s=(1, 1))",
        "Conv": "(out_chan, filter_shape, strides=None, padding='VALID', W_std=1.0, b_std=None, dimension_numbers=None, "
                "parameterization='ntk', s=(1, 1))",
        "AvgPool": "(window_shape, strides=None, padding='VALID', normalize_edges=False, batch_axis=0, channel_axis=-1)",
        "SumPool": "(window_shape, strides=None, padding='VALID', batch_axis=0, channel_axis=-1)",
        "GlobalAvgPool": "(batch_axis=0, channel_axis=-1)",
        "Flatten": "(batch_axis=0, batch_axis_out=0)",
        "LayerNorm": "(axis=-1, eps=1e-12, batch_axis=0, channel_axis=-1)",
        "Dropout": "(rate, mode='train')",
        "ImageResize": "(shape, method, antialias=True, precision=None, batch_axis=0, channel_axis=-1)",
        "GlobalSelfAttention": "(n_chan_out, n_chan_key, n_chan_val, n_heads, linear_scaling=True, W_key_std=1.0, "
                               "W_value_std=1.0, W_query_std=1.0, W_out_std=1.0, b_std=None, attention_mechanism='SOFTMAX', "
                               "pos_emb_type='NONE', pos_emb_p_norm=2, pos_emb_decay_fn=None, n_chan_pos_emb=None, "
                               "W_pos_emb_std=1.0, val_pos_emb=False, batch_axis=0, channel_axis=-1)",
        "FanInConcat": "(axis=-1)",
        "Index": "(idx, batch_axis=0, channel_axis=-1)",
    }
    signatures.update(dict.fromkeys(["ConvTranspose", "ConvLocal"], signatures["Conv"]), GlobalSumPool=signatures["GlobalAvgPool"])
    for name, signature in signatures.items():
        layer = getattr(stax, name)
        assert str(inspect.signature(layer)).startswith(signature + " ->"), name
        assert name in dir(stax) and name in stax.__all__ and "\n\n" in inspect.getdoc(layer)


@pytest.mark.parametrize("call, kind, words", [
    (lambda: stax.Conv(3, (3, 3), stride=2), TypeError, r"unexpected keyword argument 'stride'; it is Conv\(out_chan, filter"),
    (lambda: stax.Conv(3), TypeError, "missing a required argument: 'filter_shape'"),
    (lambda: stax.Conv(3, (3, 3), (0, 1)), ValueError, "strides must be integers from 1"),
    (lambda: stax.Conv(3, (3, 3), padding="REFLECT"), ValueError, "padding must be 'valid' or 'same' or 'circular'"),
    (lambda: stax.Conv(3, (3, 3), dimension_numbers=("NCHW", "OIHW", "NCHW")), ValueError, "dimension_numbers must be None: "
     "inputs are arrays of examples, positions, channels"),
    (lambda: stax.AvgPool((2, 2), channel_axis=1), ValueError, "channel_axis must be -1: inputs are arrays of examples"),
    (lambda: stax.LayerNorm(axis=0), ValueError, "axis must not contain 0, the examples"),
    (lambda: stax.ImageResize((-1, 4, 4, -1), "cubic"), ValueError, "method must be 'linear' or 'nearest'"),
    (lambda: stax.GlobalSelfAttention(1, 2, 3, 4, pos_emb_decay_fn=3), ValueError, "pos_emb_decay_fn must be None, a string"),
    (lambda: stax.GlobalSelfAttention(1, 2, 3, 4, pos_emb_decay_fn=lambda d: {d: 1}), ValueError, "cannot be read as a formula"),
    (lambda: stax.serial(stax.Conv(2, (3, 3)), stax.GlobalSelfAttention(1, 2, 3, 4, pos_emb_type="SUM", pos_emb_decay_fn=abs),
                         stax.Flatten()).kernel_fn(X1), ValueError, "is no covariance"),
    (lambda: stax.Index(0), ValueError, "idx must be Slice"),
    (lambda: stax.Index(stax.Slice[:, 9]).kernel_fn(X1), ValueError, "layer 1, Index: 9 is not among 6 positions"),
    (lambda: NET.kernel_fn(X1[0, 0]), ValueError, "layer 1, Conv: inputs are rows of features without positions.*reshape"),
    (lambda: NET.kernel_fn(X1[0]), ValueError, "a 3x3 filter needs 2 axes of positions, its input has 1"),
    (lambda: NET.kernel_fn(X1[..., None, None]), ValueError, r"shape \(5, 6, 6, 2, 1, 1\); wanted are"),
    (lambda: NET.kernel_fn(X1, X2[:, 1:]), ValueError, r"examples of x1 have the shape \(6, 6, 2\), those of x2 \(5, 6, 2\)"),
    (lambda: NET.kernel_fn(np.where(X1 == X1[1, 2, 3, 1], np.nan, X1)), ValueError, r"nan in example 1 at \(2, 3, 1\)"),
    (lambda: NET.kernel_fn(X1, mask_constant=0.0), NotImplementedError, "mask_constant must be None"),
    (lambda: NET.kernel_fn(X1[:, :1, :1]), ValueError, "layer 3, AvgPool: a 2x2 window does not fit 1 x 1 positions"),
    (lambda: stax.Conv(3, (3, 3)).kernel_fn(X1), ValueError, "ends with 4 x 4 positions an example; end it with Flatten"),
    (lambda: stax.serial(stax.GlobalAvgPool(), stax.GlobalAvgPool()).kernel_fn(X1), ValueError, "layer 2, GlobalAvgPool: .*came before"),
    (lambda: NET.init_fn(0, (-1, 6, 0, 2)), ValueError, "input_shape must be"),
    (lambda: NET.init_fn(0, (-1, 1 << 30, 1 << 30, 2)), ValueError, "input_shape must be"),
    (lambda: stax.serial(stax.GlobalSelfAttention(1, 2, 3, 4, pos_emb_type="SUM", pos_emb_decay_fn=lambda d: np.exp(-d)),
                         stax.Flatten()).init_fn(0, (-1, 6, 6, 2)), ValueError, "networks of infinite width alone"),
    (lambda: predict.gradient_descent_mse_ensemble(NET.kernel_fn, X1, np.ones(5), diag_reg=1)(x_test=X2[:, 1:]), ValueError,
     "examples of x_train have the shape"),
])
def test_misuse_is_told(call, kind, words):
    with pytest.raises(kind, match=words):
        call()


def test_layers_that_end_with_positions():
    init_fn, apply_fn, _ = stax.serial(stax.Conv(4, (3, 3)), stax.Relu(), stax.Index(stax.Slice[:, 1:, ::-1]))
    shape, params = init_fn(0, (-1, 6, 6, 2))
    assert shape == (-1, 3, 4, 4)
    outputs = apply_fn(params, X1)
    assert outputs.shape == (5, 3, 4, 4)
    W, b = params[0][0].reshape(3, 3, 2, 4), params[0][1]
    first = np.einsum("abc,abco->o", X1[0, 1:4, 3:6], W) / np.sqrt(18)  # position (1, 3) becomes (0, 0)
    assert b is None or b.size == 0
    np.testing.assert_allclose(outputs[0, 0, 0], np.maximum(first, 0), rtol=1e-12)


def test_inputs_of_any_layout_give_the_same():
    expected = NET.kernel_fn(X1, X2, "ntk")
    strided = np.zeros((10, 6, 6, 2))[::2]
    strided[...] = X1
    for x in (strided, np.asfortranarray(X1), X1[::-1][::-1], np.moveaxis(np.ascontiguousarray(np.moveaxis(X1, 3, 1)), 1, 3),
              X1.astype(object), X1.tolist(), X1.astype(">f8")):
        np.testing.assert_array_equal(NET.kernel_fn(x, X2, "ntk"), expected)
    assert NET.kernel_fn(X1.astype("float32"), get="ntk").dtype == np.float32


def test_positions_of_an_example_are_not_copied():
    image = np.zeros((3, 8, 8, 2))
    from nngp._arrays import as_array
    for x in (image, image[::2], image[:1], image[:, :, :, :]):
        assert np.shares_memory(as_array(x), x)


def test_operators_compute_parts():
    whole, operator = NET.kernel_fn(X1, X2, "ntk"), NET.kernel_fn.operator(X1, X2, "ntk")
    np.testing.assert_array_equal(operator[1:3, [0, 3]], whole[1:3][:, [0, 3]])
    np.testing.assert_allclose(operator @ np.ones(4), whole.sum(axis=1), rtol=1e-13)
    np.testing.assert_allclose(operator.T @ np.ones(5), whole.sum(axis=0), rtol=1e-12)
    one, other = NET.kernel_fn(X1, threads=1), NET.kernel_fn(X1, threads=3)
    np.testing.assert_array_equal(one.ntk, other.ntk)


def test_results_go_to_arrays_and_files(tmp_path):
    expected = NET.kernel_fn(X1, X2, "ntk")
    out = np.empty((5, 4))
    assert NET.kernel_fn(X1, X2, "ntk", out=out) is out
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(NET.kernel_fn(X1, X2, "ntk", out=tmp_path / "k.npy"), expected)


def convolve(x, filters):
    """With padding 'SAME', by its definition."""
    n, height, width, _ = x.shape
    h, w, _, out = filters.shape
    padded = np.pad(x, ((0, 0), ((h - 1) // 2, h // 2), ((w - 1) // 2, w // 2), (0, 0)))
    result = np.zeros((n, height, width, out))
    for i in range(h):
        for j in range(w):
            result += padded[:, i:i + height, j:j + width] @ filters[i, j]
    return result


def test_finite_networks():
    init_fn, apply_fn, _ = NET
    shape, params = init_fn(7, (-1, 6, 6, 2))
    assert shape == (-1, 3)
    assert [(W.shape, b.shape) for W, b in params] == [((18, 32), (1, 32)), ((288, 3), (1, 3))]
    (W1, b1), (W2, b2) = params
    hidden = np.maximum(1.4 / np.sqrt(18) * convolve(X1, W1.reshape(3, 3, 2, 32)) + 0.1 * b1, 0)
    pooled = hidden.reshape(5, 3, 2, 3, 2, 32).mean(axis=(2, 4))
    expected = 1.2 / np.sqrt(288) * pooled.reshape(5, -1) @ W2 + 0.1 * b2
    np.testing.assert_allclose(apply_fn(params, X1), expected, rtol=1e-12, atol=1e-13)
    with_filters = [(W1.reshape(3, 3, 2, 32), b1[0]), (W2, b2)]
    np.testing.assert_array_equal(apply_fn(with_filters, X1), apply_fn(params, X1))


def test_monte_carlo_tends_to_the_kernel():
    net = stax.serial(stax.Conv(128, (3, 3), padding="SAME", W_std=1.4, b_std=0.1), stax.Relu(), stax.GlobalAvgPool(), stax.Dense(1))
    sampled = nngp.monte_carlo_kernel_fn(*net[:2], 1, 400)(X1, X2, "ntk")
    exact = net.kernel_fn(X1, X2, "ntk")
    # Entries have a standard error of about their size / sqrt(400 * 128).
    assert np.abs(sampled - exact).max() < 0.05 * np.abs(exact).max()


def test_layers_are_values():
    again = pickle.loads(pickle.dumps(NET))
    assert again == NET and stax.parse(str(NET)) == NET
    html = NET._repr_html_()
    assert "<td>Conv</td><td>32, (3, 3), strides=None, padding=&#x27;SAME&#x27;, W_std=1.4, b_std=0.1</td>" in html
    assert "<td>AvgPool</td><td>(2, 2), strides=(2, 2)" in html


def test_networks_are_used_by_threads():
    expected, results = NET.kernel_fn(X1, X2, "ntk"), []
    threads = [threading.Thread(target=lambda: results.append(NET.kernel_fn(X1, X2, "ntk"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(np.array_equal(result, expected) for result in results)


def test_programs_of_the_documents_run():
    """The blocks of host/python/README.md, on inputs under the names that they use."""
    pytest.importorskip("sklearn")
    text = (ROOT / "host/python/README.md").read_text()
    names = {"x1": RANDOM.normal(size=(6, 4)), "x2": RANDOM.normal(size=(5, 4)), "images1": RANDOM.normal(size=(3, 8, 8, 3)),
             "images2": RANDOM.normal(size=(2, 8, 8, 3)), "rows": RANDOM.normal(size=(4, 32 * 32 * 3)), "labels": [0, 1, 1, 0]}
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert names["ntk"].shape == (3, 2) and names["shape"] == (-1, 10) and names["probabilities"].shape == (4, 2)
