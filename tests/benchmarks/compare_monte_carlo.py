#!/usr/bin/env python3
"""Compares `nngp montecarlo` with neural_tangents.monte_carlo_kernel_fn: the same networks, inputs and numbers of
samples, in turn, in one run.

    cmake --preset release && cmake --build build/release
    python3 tests/benchmarks/compare_monte_carlo.py --build build/release

Installs neural-tangents as compare_neural_tangents.py does. Times of neural-tangents are of the second call, those of
nngp of the sampling in a new process. Best of `--rounds`.
"""

import argparse
import json
import pathlib
import tempfile

from compare_neural_tangents import python_of, run

# activation, dtype, examples, outputs
CASES = [("Relu", "float64", 20, 1), ("Relu", "float64", 200, 1)]
FEATURES, WIDTH, SAMPLES = 64, 512, 20

NEURAL_TANGENTS = r"""
import sys, time
activation, dtype, outputs, width, samples, x = sys.argv[1:7]
import jax
jax.config.update('jax_enable_x64', dtype == 'float64')
import jax.numpy as np, numpy
import neural_tangents as nt
from neural_tangents import stax
layers = []
for _ in range(2):
    layers += [stax.Dense(int(width), 1.5, .05), getattr(stax, activation)()]
init_fn, apply_fn, _ = stax.serial(*layers, stax.Dense(int(outputs), 1.5, .05))
kernel_fn = nt.monte_carlo_kernel_fn(init_fn, apply_fn, jax.random.PRNGKey(0), int(samples), vmap_axes=0)
x = np.array(numpy.load(x).astype(dtype))
jax.block_until_ready(kernel_fn(x, None, ('nngp', 'ntk')))
start = time.perf_counter()
jax.block_until_ready(kernel_fn(x, None, ('nngp', 'ntk')))
print(time.perf_counter() - start)
"""

INPUTS = r"""
import sys, numpy
numpy.save(sys.argv[1], numpy.random.RandomState(0).randn(int(sys.argv[2]), int(sys.argv[3])))
"""


def nngp(build, case, x):
    activation, dtype, _, outputs = case
    hidden = f"Dense({WIDTH}, 1.5, 0.05), {activation}(), " * 2
    report = run([str(build / "bin/nngp"), "montecarlo", "--model", f"serial({hidden}Dense({outputs}, 1.5, 0.05))",
                  "--x1", x, "--samples", str(SAMPLES), "--dtype", dtype, "--report", "-"])
    return json.loads(report)["seconds"]["sample"]


def neural_tangents(python, case, x):
    activation, dtype, _, outputs = case
    return float(run([python, "-c", NEURAL_TANGENTS, activation, dtype, str(outputs), str(WIDTH), str(SAMPLES), x]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder")
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    python = python_of(arguments.venv or arguments.build / "venv")
    print(f"| case (width {WIDTH}, two hidden layers, nngp and ntk) | neural-tangents ms a sample | nngp | ratio |")
    print("|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in CASES:
            x = f"{folder}/x.npy"
            run([python, "-c", INPUTS, x, str(case[2]), str(FEATURES)])
            pairs = [(neural_tangents(python, case, x), nngp(arguments.build, case, x))
                     for _ in range(arguments.rounds)]
            theirs, ours = (min(side) / SAMPLES * 1e3 for side in zip(*pairs))
            name = "{} {}, {} inputs, outputs: {}".format(*case)
            print(f"| {name} | {theirs:.1f} | {ours:.1f} | {theirs / ours:.1f} |", flush=True)


if __name__ == "__main__":
    main()
