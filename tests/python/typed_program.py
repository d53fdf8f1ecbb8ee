"""A program with types: mypy --strict accepts it, and it runs."""

from typing import Callable, Dict

import numpy as np
import numpy.typing as npt

import nngp
from nngp import predict, stax


def network(depth: int, activation: Callable[..., stax.Layer]) -> stax.Layer:
    hidden = stax.serial(stax.Dense(512, W_std=1.5, b_std=0.05), activation())
    return stax.serial(stax.repeat(hidden, depth), stax.Dense(1))


def main() -> None:
    x: npt.NDArray[np.float64] = np.linspace(-1, 1, 10).reshape(-1, 1)
    layers: Dict[str, stax.Layer] = {
        "relu": network(2, stax.Relu),
        "own": network(1, lambda: stax.Elementwise(lambda z: np.maximum(z, 0.1 * z))),
    }
    for name, layer in layers.items():
        init_fn, apply_fn, kernel_fn = layer
        kernel: nngp.Kernel = layer.kernel_fn(x, threads=1)
        predict_fn = predict.gradient_descent_mse_ensemble(layer.kernel_fn, x, np.sin(x), diag_reg=1e-6)
        operator: nngp.Operator = layer.kernel_fn.operator(x, get="ntk")
        vector: npt.NDArray[np.float64] = operator @ np.ones(len(x))
        assert np.allclose(vector, kernel.ntk.sum(axis=1)), name
        assert predict_fn(x_test=x, get="ntk").shape == (10, 1)
    images: npt.NDArray[np.float32] = np.ones((2, 4, 4, 3), np.float32)
    convolutional = stax.serial(stax.Conv(8, (3, 3), padding="SAME"), stax.Relu(), stax.Flatten(), stax.Dense(1))
    assert convolutional.kernel_fn(images, get="ntk").shape == (2, 2)


if __name__ == "__main__":
    main()
