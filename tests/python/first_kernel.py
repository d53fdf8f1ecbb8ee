"""What must work wherever the wheel is installed: kernels, predictions, and the command with its plugins."""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np

from nngp import predict, stax

x = np.random.default_rng(0).normal(size=(50, 3))
network = stax.serial(stax.Dense(512, 1.5, 0.05), stax.Erf(), stax.Dense(1))
kernel = network.kernel_fn(x, None, "ntk")

predict_fn = predict.gradient_descent_mse_ensemble(network.kernel_fn, x, x[:, :1], diag_reg=1e-6)
assert np.abs(predict_fn(x_test=x, get="ntk") - x[:, :1]).max() < 1e-3

command = pathlib.Path(sys.executable).with_name("nngp")
with tempfile.TemporaryDirectory() as folder:
    inputs, output = f"{folder}/x.npy", f"{folder}/ntk.npy"
    np.save(inputs, x)
    subprocess.run([command, "kernel", "--model", str(network), "--x1", inputs, "--ntk", output], check=True)
    np.testing.assert_array_equal(np.load(output), kernel)
