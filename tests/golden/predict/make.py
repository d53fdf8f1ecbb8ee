"""Writes the .npy files beside it: predictions of neural-tangents 0.6.5 in float64 on small made-up data.

    VENV/bin/python tests/golden/predict/make.py

Names are KERNEL_TIME_WHAT.npy of gradient_descent_mse_ensemble; the rest is in inputs and constants below, which
tests/core/predict_test.cpp repeats.
"""

import pathlib

import jax

jax.config.update("jax_enable_x64", True)

import neural_tangents as nt
import numpy as np
from neural_tangents import stax

MODEL = [stax.Dense(512, 1.5, 0.05), stax.Relu()] * 3 + [stax.Dense(1, 1.5, 0.05)]
DIAG_REG = 1e-3
LEARNING_RATE = 0.7
TIMES = {"inf": None, "0.5": 0.5, "30": 30.0, "5000": 5000.0}

folder = pathlib.Path(__file__).parent


def save(name, array):
    np.save(folder / f"{name}.npy", np.asarray(array))


random = np.random.RandomState(8)
x_train, x_test = random.randn(24, 3), random.randn(7, 3)
y_train = np.stack([np.sin(x_train[:, 0]), x_train[:, 1] * x_train[:, 2]], axis=1)
save("x_train", x_train)
save("y_train", y_train)
save("x_test", x_test)

kernel_fn = stax.serial(*MODEL)[2]


def predictor(**options):
    return nt.predict.gradient_descent_mse_ensemble(
        kernel_fn, x_train, y_train, learning_rate=LEARNING_RATE, diag_reg=DIAG_REG, **options)


for kernel in ("nngp", "ntk"):
    for name, t in TIMES.items():
        mean, cov = predictor()(t=t, x_test=x_test, get=kernel, compute_cov=True)
        save(f"{kernel}_{name}_mean", mean)
        save(f"{kernel}_{name}_cov", cov)
    mean, cov = predictor(diag_reg_absolute_scale=True)(x_test=x_test, get=kernel, compute_cov=True)
    save(f"{kernel}_absolute_mean", mean)
    save(f"{kernel}_absolute_cov", cov)

ntk = kernel_fn(x_train, None, "ntk")
save("ntk_max_learning_rate", np.atleast_1d(2 * y_train.size / (np.linalg.eigvalsh(ntk)[-1] + 1e-12)))
