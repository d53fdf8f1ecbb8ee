#!/usr/bin/env python3
"""Compares nngp with neural-tangents side by side: the same networks on the same machine in one run.

    cmake --preset release -DNNGP_BUILD_BENCHMARKS=ON && cmake --build build/release
    python3 tests/benchmarks/compare_neural_tangents.py --build build/release

Installs neural-tangents 0.6.5 on JAX 0.4.30 into a virtual environment of its own (Python 3.11; --venv says
where). Every case is measured in turn on both sides, `--rounds` times; the medians make the ratio.
Times of neural-tangents are of jit-compiled calls after the first one. Of nngp there are two: `fresh` returns
new matrices, as neural-tangents does, `reused` writes into the caller's memory.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

PACKAGES = ["neural-tangents==0.6.5", "jax==0.4.30", "jaxlib==0.4.30", "numpy<2", "scipy<1.14"]

# activation, dtype, hidden layers, inputs, ratio wanted
CASES = [
    ("Relu", "float64", 3, "cross", 15),
    ("Relu", "float32", 3, "cross", 18),
    ("Gelu", "float64", 3, "cross", 15),
    ("Gelu", "float32", 3, "cross", 18),
    ("Erf", "float64", 3, "cross", 13),
    ("Erf", "float32", 3, "cross", 14),
    ("Sin", "float64", 3, "cross", 12),
    ("Sin", "float32", 3, "cross", 8),
    ("Relu", "float64", 3, "self", 25),
    ("Relu", "float32", 3, "self", 30),
    ("AutodiffErf", "float64", 3, "cross", 12),
    ("Relu", "float64", 20, "cross", 18),
    ("ScalarRelu", "float64", 3, "cross", 1),
]

NEURAL_TANGENTS = r"""
import sys, time
activation, dtype, depth, inputs, examples, calls = sys.argv[1:7]
import jax
jax.config.update('jax_enable_x64', dtype == 'float64')
import jax.numpy as np, numpy
from neural_tangents import stax

def erf():  # its derivative by automatic differentiation, as Elementwise does it
    def nngp_fn(c, v1, v2):
        return 2 / np.pi * np.arcsin(2 * c / np.sqrt((1 + 2 * v1) * (1 + 2 * v2)))
    return stax.Elementwise(jax.scipy.special.erf, nngp_fn)

layer = {'AutodiffErf': erf, 'ScalarRelu': stax.Relu}.get(activation) or getattr(stax, activation)
layers = []
for _ in range(int(depth)):
    layers += [stax.Dense(512, 1.5, .05), layer()]
kernel_fn = stax.serial(*layers, stax.Dense(1, 1.5, .05))[2]
random = numpy.random.RandomState(0)
x1, x2 = (np.array(random.randn(int(examples), 64).astype(dtype)) for _ in range(2))
if inputs == 'self':
    call = jax.jit(lambda a, b: tuple(kernel_fn(a, None, ('nngp', 'ntk'))))
else:
    call = jax.jit(lambda a, b: tuple(kernel_fn(a, b, ('nngp', 'ntk'))))
jax.block_until_ready(call(x1, x2))
for _ in range(int(calls)):
    start = time.perf_counter()
    jax.block_until_ready(call(x1, x2))
    print(time.perf_counter() - start)
"""

COLD = r"""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import numpy
from neural_tangents import stax
x = numpy.load(sys.argv[1]).astype('float64')
layers = []
for _ in range(3):
    layers += [stax.Dense(512, 1.5, .05), stax.Relu()]
kernel_fn = jax.jit(stax.serial(*layers, stax.Dense(1, 1.5, .05))[2], static_argnums=2)
nngp, ntk = kernel_fn(x, None, ('nngp', 'ntk'))
numpy.save(sys.argv[2], numpy.asarray(nngp))
numpy.save(sys.argv[3], numpy.asarray(ntk))
"""


def run(command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


def python_of(venv):
    if not (venv / "bin/python").exists():
        print(f"installing neural-tangents into {venv}", file=sys.stderr)
        run([sys.executable, "-m", "venv", str(venv)])
        run([str(venv / "bin/pip"), "-q", "install", *PACKAGES])
    return str(venv / "bin/python")


def neural_tangents(python, case, examples, calls):
    activation, dtype, depth, inputs, _ = case
    lines = run([python, "-c", NEURAL_TANGENTS, activation, dtype, str(depth), inputs, str(examples), str(calls)])
    return [float(line) for line in lines.split()]


def repetitions(build, cases):
    """What the benchmark `engine` reports of each of the cases, several times: {name: [entry, ...]}."""
    report = json.loads(run([str(build / "tests/engine"), "--benchmark_format=json", "--benchmark_repetitions=4",
                             f"--benchmark_filter={cases}"]))
    runs = {}
    for entry in report["benchmarks"]:
        if entry["run_type"] == "iteration":
            runs.setdefault(entry["name"], []).append(entry)
    return runs


def nngp(build, case):
    """Seconds a call, as {'fresh': ..., 'reused': ...}."""
    activation, dtype, depth, inputs, _ = case
    runs = repetitions(build, f"^{activation}/{dtype}/{depth}/{inputs}/")
    return {name.split("/")[4]: statistics.median(entry["real_time"] for entry in entries) / 1e3
            for name, entries in runs.items()}


def compare(build, python, case, rounds, examples):
    theirs, fresh, reused = [], [], []
    for _ in range(rounds):
        ours = nngp(build, case)
        fresh.append(ours["fresh"])
        reused.append(ours["reused"])
        theirs += neural_tangents(python, case, examples, 3)
    theirs, fresh, reused = map(statistics.median, (theirs, fresh, reused))
    name = "{} {}, depth {}, {}".format(*case[:4])
    print(f"| {name} | {theirs * 1e3:.0f} | {fresh * 1e3:.1f} | {reused * 1e3:.1f} | {theirs / fresh:.1f} |"
          f" {theirs / reused:.1f} | {case[4]} |", flush=True)


def seconds(command):
    start = time.perf_counter()
    run(command)
    return time.perf_counter() - start


def compare_cold(build, python, rounds):
    """Whole processes on the bundled digits, from the shell to files."""
    digits = str(pathlib.Path(__file__).parent.parent / "data/digits/x.npy")
    model = "serial(" + "Dense(512, 1.5, 0.05), Relu(), " * 3 + "Dense(1, 1.5, 0.05))"
    with tempfile.TemporaryDirectory() as folder:
        outputs = [os.path.join(folder, name) for name in ("nngp.npy", "ntk.npy")]
        ours = [str(build / "bin/nngp"), "kernel", "--model", model, "--x1", digits, "--nngp", outputs[0], "--ntk",
                outputs[1]]
        theirs = [python, "-c", COLD, digits, *outputs]
        pairs = [(seconds(theirs), seconds(ours)) for _ in range(rounds)]
    theirs, ours = map(statistics.median, zip(*pairs))
    print(f"| whole process, digits | {theirs * 1e3:.0f} | {ours * 1e3:.1f} | | {theirs / ours:.1f} | | 20 |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with the benchmarks")
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    arguments = parser.parse_args()
    python = python_of(arguments.venv or arguments.build / "venv")
    examples = 4000  # as in engine.cpp
    print("| case (N=4000, D=64, nngp and ntk) | neural-tangents ms | nngp ms | reused ms | ratio | reused | wanted |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        if arguments.only in "/".join(map(str, case[:4])):
            compare(arguments.build, python, case, arguments.rounds, examples)
    if arguments.only in "digits":
        compare_cold(arguments.build, python, arguments.rounds)


if __name__ == "__main__":
    main()
