#!/usr/bin/env python3
"""Writes networks.json: small networks of finite width as neural-tangents computes them.

    python3 tests/golden/finite/make.py        # with neural-tangents 0.6.5 on JAX 0.4.30 installed

Each entry has a model, inputs, weights (by Dense layer: W row by row, and b), the outputs of apply_fn, and the
kernels of empirical_kernel_fn of x1 with x2, all in double precision.
"""

import json
import pathlib

import jax
import numpy as np

jax.config.update("jax_enable_x64", True)
import neural_tangents as nt  # noqa: E402
from neural_tangents import stax  # noqa: E402

NAMES = {name: getattr(stax, name) for name in (
    "serial", "parallel", "Dense", "Relu", "Erf", "Gelu", "Sin", "LayerNorm", "Identity", "FanOut",
    "FanInSum", "FanInProd", "FanInConcat", "Monomial")}
# stax.repeat stacks the weights of its layers in one array.
NAMES["repeat"] = lambda layer, n: stax.serial(*[layer] * n)

MODELS = {
    "shallow": "serial(Dense(5, W_std=1.5, b_std=0.3), Erf(), Dense(1))",
    "outputs": "serial(Dense(6, W_std=1.5), Relu(), Dense(4, b_std=0.2), Gelu(), Dense(11, W_std=0.8, b_std=0.1))",
    "standard": "serial(Dense(5, 1.4, 0.3, parameterization='standard'), Sin(a=1.0, b=1.3, c=0.2), "
                "Dense(3, 1.2, parameterization='standard'), Erf(), Dense(2, 1.0, 0.1, parameterization='standard'))",
    "standard_s": "serial(Dense(3, 1.3, 0.1, parameterization='standard', s=(1, 2)), Relu(), "
                  "Dense(2, 1.5, 0.2, parameterization='standard', s=(2, 3)), Gelu(), "
                  "Dense(2, 1.2, 0.1, parameterization='standard', s=(3, 1)))",
    "layer_norm": "serial(Dense(7, b_std=0.5), LayerNorm(), Erf(), Dense(5), LayerNorm(), Dense(2, b_std=1.0))",
    "residual": "serial(Dense(5, 1.2, 0.1), repeat(serial(FanOut(2), parallel(Identity(), "
                "serial(Erf(), Dense(5, 0.8, 0.05))), FanInSum()), 2), Relu(), Dense(3))",
    "product": "serial(Dense(6, 1.2, 0.1), FanOut(3), parallel(Relu(), Erf(), Identity()), FanInProd(), "
               "Dense(2, 0.8, 0.1))",
    "concat": "serial(Dense(4, 1.2, 0.1), FanOut(3), parallel(serial(Relu(), Dense(3, 1.3, 0.2)), Identity(), "
              "serial(Erf(), Dense(2, 0.9))), FanInConcat(), Dense(2, 1.0, 0.3))",
    "product_with_itself": "serial(Dense(4), FanOut(2), FanInProd(), Dense(1))",
    "ends_in_activation": "serial(Dense(4, 1.5), Erf(), Dense(3, 1.5, 0.2), Monomial(3))",
    "starts_with_activation": "serial(Sin(), Dense(4, 1.5), Relu())",
}


def dense_parameters(parameters):
    """The (W, b) of all Dense layers in order: the pairs of arrays in the tree."""
    if isinstance(parameters, tuple) and len(parameters) == 2 and hasattr(parameters[0], "ndim"):
        W, b = parameters
        return [{"W": np.asarray(W).tolist(), "b": None if b is None else np.asarray(b).ravel().tolist()}]
    return [one for part in parameters for one in dense_parameters(part)]


def entry(name, model, key, x1, x2):
    init_fn, apply_fn, _ = eval(model, dict(NAMES))
    _, parameters = init_fn(key, x1.shape)
    kernel_fn = nt.empirical_kernel_fn(apply_fn)
    nngp, ntk = kernel_fn(x1, x2, ("nngp", "ntk"), parameters)
    return {"id": name, "model": model, "parameters": dense_parameters(parameters),
            "outputs": np.asarray(apply_fn(parameters, x1)).tolist(), "nngp": np.asarray(nngp).tolist(),
            "ntk": np.asarray(ntk).tolist()}


def main():
    random = np.random.RandomState(0)
    x1, x2 = random.randn(4, 3), random.randn(2, 3)
    entries = [entry(name, model, jax.random.PRNGKey(i), x1, x2) for i, (name, model) in enumerate(MODELS.items())]
    text = json.dumps({"x1": x1.tolist(), "x2": x2.tolist(), "networks": entries})
    pathlib.Path(__file__).with_name("networks.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
