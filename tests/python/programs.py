"""Programs as people write them for neural-tangents: all they need of it comes in as arguments, so that the same lines
run on either library. `python programs.py` runs them on neural-tangents 0.6.5 (JAX 0.4.30) in float64 and writes
programs.npz, which test_programs.py compares with.
"""

import pathlib

import numpy as np

HERE = pathlib.Path(__file__).parent
DIGITS = HERE.parent / "data" / "digits"


def elementwise(nt, stax, np_, erf):
    """A layer from three functions (examples/elementwise.py there)."""
    def fn(x):
        return erf(x)

    def nngp_fn(cov12, var1, var2):
        prod = (1 + 2 * var1) * (1 + 2 * var2)
        return np_.arcsin(2 * cov12 / np_.sqrt(prod)) * 2 / np_.pi

    random = np.random.RandomState(1)
    x1, x2 = random.randn(6, 7), random.randn(5, 7)
    init_fn, apply_fn, kernel_fn = stax.serial(
        stax.Dense(512, 1.5, 0.1), stax.Elementwise(fn, nngp_fn), stax.Dense(512, 1.2, 0.2),
        stax.Elementwise(fn, nngp_fn, lambda c, v1, v2: 4 / (np_.pi * np_.sqrt((1 + 2 * v1) * (1 + 2 * v2) - 4 * c**2))),
        stax.Dense(1))
    kernels = kernel_fn(x1, x2, ("nngp", "ntk"))
    return {"nngp": kernels.nngp, "ntk": kernels.ntk, "self": kernel_fn(x1, None, "ntk")}


def infinite_fcn(nt, stax, np_, erf):
    """Inference with an infinite network on digits (examples/infinite_fcn.py there)."""
    x, y = np.load(DIGITS / "x.npy") / 16.0, np.eye(10)[np.load(DIGITS / "y.npy")] - 0.1
    x_train, y_train, x_test = x[:200], y[:200], x[200:260]
    _, _, kernel_fn = stax.serial(stax.Dense(1, 2.0, 0.05), stax.Relu(), stax.Dense(1, 2.0, 0.05))
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, x_train, y_train, diag_reg=1e-3)
    both = predict_fn(x_test=x_test, get=("nngp", "ntk"), compute_cov=True)
    return {"nngp_mean": both.nngp.mean, "nngp_cov": both.nngp.covariance, "ntk_mean": both.ntk.mean,
            "ntk_cov": both.ntk.covariance, "later": predict_fn(t=50.0, x_test=x_test, get="ntk")}


def function_space(nt, stax, np_, erf):
    """Training dynamics in function space (examples/function_space.py there)."""
    random = np.random.RandomState(2)
    x_train, y_train, x_test = random.randn(20, 4), random.randn(20, 2), random.randn(6, 4)
    fx_train, fx_test = random.randn(20, 2), random.randn(6, 2)
    _, _, kernel_fn = stax.serial(stax.Dense(512, 1.5, 0.05), stax.Erf(), stax.Dense(2, 1.5, 0.05))
    k_train_train, k_test_train = kernel_fn(x_train, None, "ntk"), kernel_fn(x_test, x_train, "ntk")
    predict_fn = nt.predict.gradient_descent_mse(k_train_train, y_train, learning_rate=0.7, diag_reg=1e-3)
    train, test = predict_fn(3.0, fx_train, fx_test, k_test_train)
    last_train, last_test = predict_fn(None, fx_train, fx_test, k_test_train)
    kernels, cross = kernel_fn(x_train, None, ("nngp", "ntk")), kernel_fn(x_test, x_train, ("nngp", "ntk"))
    posterior = nt.predict.gp_inference(kernels, y_train, diag_reg=1e-3)
    mean = posterior(get="ntk", k_test_train=cross)
    gaussian = posterior(get="nngp", k_test_train=cross, k_test_test=kernel_fn(x_test, None, "nngp"))
    posterior_ntk = posterior(get="ntkgp", k_test_train=cross, k_test_test=kernel_fn(x_test, None, "ntk"))
    return {"ntkgp_mean": posterior_ntk.mean, "ntkgp_cov": posterior_ntk.covariance, "train": train, "test": test, "last_train": last_train, "last_test": last_test, "gp_mean": mean,
            "gp_nngp_mean": gaussian.mean, "gp_nngp_cov": gaussian.covariance,
            "rate": nt.predict.max_learning_rate(k_train_train, y_train.size)}


def cookbook(nt, stax, np_, erf):
    """The first half of the tutorial notebook: layers, kernels, branches."""
    random = np.random.RandomState(3)
    x1, x2 = random.randn(5, 6), random.randn(4, 6)
    results = {}
    networks = {
        "erf": stax.serial(stax.Dense(512, 1.5, 0.05), stax.Erf(), stax.Dense(512, 1.5, 0.05), stax.Erf(),
                           stax.Dense(1, 1.5, 0.05)),
        "relu": stax.serial(*[stax.serial(stax.Dense(512, 1.5, 0.05), stax.Relu()) for _ in range(3)], stax.Dense(1)),
        "resnet": stax.serial(
            stax.Dense(64, 1.1), stax.FanOut(2),
            stax.parallel(stax.serial(stax.Gelu(), stax.Dense(64, 1.3, 0.1)), stax.Identity()), stax.FanInSum(),
            stax.LayerNorm(), stax.ABRelu(0.1, 1.2), stax.Dense(1)),
        "standard": stax.serial(stax.Dense(100, 1.5, 0.1, parameterization="standard"), stax.Sin(0.7, 1.3, 0.2),
                                stax.Dense(1, parameterization="standard")),
    }
    for name, (init_fn, apply_fn, kernel_fn) in networks.items():
        results[name + "_nngp"] = kernel_fn(x1, x2, "nngp")
        results[name + "_ntk"] = kernel_fn(x1, x2).ntk
    return results


def convolutional(nt, stax, np_, erf):
    """Kernels of convolutional networks on images, as the tutorial notebook and the papers write them."""
    random = np.random.RandomState(4)
    x1, x2 = random.randn(4, 8, 8, 3), random.randn(3, 8, 8, 3)

    def block(channels, strides=(1, 1), channel_mismatch=False):
        main = stax.serial(stax.Relu(), stax.Conv(channels, (3, 3), strides, padding="SAME"), stax.Relu(),
                           stax.Conv(channels, (3, 3), padding="SAME"))
        shortcut = stax.Conv(channels, (3, 3), strides, padding="SAME") if channel_mismatch else stax.Identity()
        return stax.serial(stax.FanOut(2), stax.parallel(main, shortcut), stax.FanInSum())

    def group(n, channels, strides=(1, 1)):
        return stax.serial(block(channels, strides, channel_mismatch=True), *[block(channels) for _ in range(n - 1)])

    networks = {
        "cnn": stax.serial(stax.Conv(512, (3, 3), padding="SAME"), stax.Relu(), stax.Conv(512, (3, 3), padding="SAME"),
                           stax.Relu(), stax.Flatten(), stax.Dense(10)),
        "wide_resnet": stax.serial(stax.Conv(16, (3, 3), padding="SAME"), group(1, 16), group(1, 32, (2, 2)),
                                   group(1, 64, (2, 2)), stax.AvgPool((2, 2)), stax.Flatten(), stax.Dense(10, 1.0, 0.0)),
        "myrtle": stax.serial(*[layer for _ in range(2) for layer in (
            stax.Conv(512, (3, 3), strides=(1, 1), W_std=np.sqrt(2.0), b_std=0.1, padding="SAME"), stax.Relu(),
            stax.AvgPool((2, 2), strides=(2, 2)))], stax.Flatten(), stax.Dense(10, np.sqrt(2.0), 0.1)),
        "global": stax.serial(stax.Conv(64, (3, 3), None, "CIRCULAR", 1.3, 0.1), stax.LayerNorm(axis=(1, 2, 3)), stax.Erf(),
                              stax.ConvLocal(32, (2, 2), W_std=1.2), stax.Gelu(), stax.Dropout(0.9), stax.GlobalAvgPool(),
                              stax.Dense(1)),
        "attention": stax.serial(
            stax.Conv(64, (3, 3), (2, 2), "SAME", 1.4, 0.1), stax.Relu(),
            stax.GlobalSelfAttention(64, n_chan_key=64, n_chan_val=64, n_heads=8, W_out_std=1.1, attention_mechanism="RELU",
                                     pos_emb_type="SUM", pos_emb_decay_fn=None),
            stax.SumPool((2, 2)), stax.GlobalAvgPool(), stax.Dense(1)),
        "standard": stax.serial(stax.Conv(48, (2, 2), b_std=0.2, parameterization="standard"), stax.Relu(), stax.Flatten(),
                                stax.Dense(3, 1.1, None, 0, -1, "standard", (1, 1))),
    }
    results = {}
    for name, (_, _, kernel_fn) in networks.items():
        # Of inputs with themselves neural-tangents has errors of 1e-9 on the diagonal, where Relu has a square root.
        results[name + "_nngp"] = kernel_fn(x1, None, "nngp")
        results[name + "_ntk"] = kernel_fn(x1, x2).ntk
    signals = stax.serial(stax.Conv(64, (3,), padding="SAME", W_std=1.4, b_std=0.1), stax.Relu(),
                          stax.FanOut(2), stax.parallel(stax.Conv(16, (1,)), stax.Conv(32, (5,), padding="SAME")),
                          stax.FanInConcat(-1), stax.Conv(8, (1,)), stax.Relu(), stax.AvgPool((3,), normalize_edges=True, padding="SAME"),
                          stax.Flatten(), stax.Dense(1))
    results["signals"] = signals[2](random.randn(5, 12, 2), random.randn(4, 12, 2), "ntk")
    volumes = stax.serial(stax.Conv(8, (2, 2, 2)), stax.Relu(), stax.ConvTranspose(8, (2, 2, 2), (2, 2, 2)), stax.Abs(),
                          stax.GlobalSumPool())
    results["volumes"] = volumes[2](random.randn(3, 4, 3, 3, 2), random.randn(2, 4, 3, 3, 2), "ntk")
    return results


def infinite_cnn(nt, stax, np_, erf):
    """Inference with an infinite convolutional network on digits as images of 8 x 8 pixels."""
    x, y = np.load(DIGITS / "x.npy") / 16.0, np.eye(10)[np.load(DIGITS / "y.npy")] - 0.1
    images = x.reshape(-1, 8, 8, 1)
    _, _, kernel_fn = stax.serial(stax.Conv(64, (3, 3), padding="SAME", W_std=1.5, b_std=0.05), stax.Relu(),
                                  stax.AvgPool((2, 2)), stax.Flatten(), stax.Dense(10))
    kernel_fn = nt.batch(kernel_fn, batch_size=0)
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, images[:100], y[:100], diag_reg=1e-3)
    both = predict_fn(x_test=images[200:230], get=("nngp", "ntk"), compute_cov=True)
    return {"nngp_mean": both.nngp.mean, "nngp_cov": both.nngp.covariance, "ntk_mean": both.ntk.mean,
            "ntk_cov": both.ntk.covariance, "later": predict_fn(t=50.0, x_test=images[200:230], get="ntk")}


def regression(nt, stax, np_, erf):
    """The regression of the tutorial notebook: the prior, the posterior, the mean loss of ensembles while they learn."""
    random = np.random.RandomState(10)
    train_xs = random.uniform(-np.pi, np.pi, (5, 1))
    train_ys, test_xs = np.sin(train_xs) + 0.1 * random.randn(5, 1), np.linspace(-np.pi, np.pi, 20)[:, None]
    _, _, kernel_fn = stax.serial(stax.Dense(512, W_std=1.5, b_std=0.05), stax.Erf(), stax.Dense(512, W_std=1.5, b_std=0.05),
                                  stax.Erf(), stax.Dense(1, W_std=1.5, b_std=0.05))
    results = {"prior_std": np_.sqrt(np_.diag(kernel_fn(test_xs, test_xs, "nngp")))}
    predict_fn = nt.predict.gradient_descent_mse_ensemble(kernel_fn, train_xs, train_ys, diag_reg=1e-4)
    for get in "nngp", "ntk":
        mean, covariance = predict_fn(x_test=test_xs, get=get, compute_cov=True)
        results[f"{get}_mean"], results[f"{get}_std"] = mean, np_.sqrt(np_.diag(covariance))

    times = np.arange(0, 1000, 50.0)

    def loss(get, xs):
        mean, covariance = predict_fn(t=times, get=get, x_test=xs, compute_cov=True)
        mean, covariance = np_.reshape(mean, mean.shape[:2]), np_.diagonal(covariance, axis1=1, axis2=2)
        return 0.5 * np_.mean((np.sin(train_xs if xs is None else xs).ravel() - mean) ** 2 + covariance, axis=1)

    for get in "nngp", "ntk":
        results[f"{get}_train_loss"], results[f"{get}_test_loss"] = loss(get, None), loss(get, test_xs)
    results["outputs"], results["covariance"] = predict_fn(get="ntk", compute_cov=True)
    return results


PROGRAMS = (elementwise, infinite_fcn, function_space, cookbook, convolutional, infinite_cnn, regression)
PREDICTIONS = (infinite_fcn, function_space, infinite_cnn, regression)


def main():
    import jax
    jax.config.update("jax_enable_x64", True)
    import jax.numpy as jnp
    import neural_tangents as nt
    results = {}
    for program in PROGRAMS:
        for name, value in program(nt, nt.stax, jnp, jax.scipy.special.erf).items():
            results[f"{program.__name__}.{name}"] = np.asarray(value)
    np.savez(HERE / "programs.npz", **results)


if __name__ == "__main__":
    main()
