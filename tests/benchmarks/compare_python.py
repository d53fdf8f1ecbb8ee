#!/usr/bin/env python3
"""What `import nngp` costs beside the library, and saves beside other packages, from Python to Python in one run.

    cmake --preset release -DNNGP_BUILD_BENCHMARKS=ON -DNNGP_BUILD_PYTHON=ON -DPython_EXECUTABLE=$(which python)
    cmake --build build/release
    PYTHONPATH=build/release/python python tests/benchmarks/compare_python.py --build build/release

Needs scikit-learn; neural-tangents goes into a virtual environment of its own, as for compare_neural_tangents.py.
Sides alternate; times are the least of all rounds, for other programs only add to them.
"""

import argparse
import pathlib
import subprocess
import time

import numpy as np

import compare_neural_tangents as theirs
from nngp import predict, stax

DIGITS = pathlib.Path(__file__).parent.parent / "data/digits"


def seconds(function, calls=1):
    best = float("inf")
    for _ in range(calls):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def network(activation, depth):
    layers = []
    for _ in range(depth):
        layers += [stax.Dense(512, 1.5, 0.05), activation]
    return stax.serial(*layers, stax.Dense(1, 1.5, 0.05))


def overhead(build, examples, calls, rounds):
    """Seconds of a call from Python and from C++, which a program of this folder tells."""
    net = network(stax.Relu(), 3)
    x = np.random.RandomState(0).randn(examples, 64)
    python, native = [], []
    for _ in range(rounds):
        python.append(seconds(lambda: net.kernel_fn(x, None, "ntk"), calls))
        told = subprocess.run([build / "tests/kernel_call", build / "lib/nngp/plugins", str(net), str(examples), "64", str(calls)],
                              check=True, capture_output=True, text=True).stdout
        native.append(float(told))
    return min(python), min(native)


def compare_overhead(build, rounds):
    python, native = overhead(build, 4000, 3, rounds)
    print(f"| a call over C++, N=4000 | {python * 1e3:.1f} ms | {native * 1e3:.1f} ms | {python / native:.3f} | at most 1.05 |")
    python, native = overhead(build, 1, 2000, rounds)
    print(f"| a call over C++, N=1 | {python * 1e6:.0f} us | {native * 1e6:.0f} us | {(python - native) * 1e6:.0f} us more "
          "| at most 50 us |")


def compare_callables(rounds):
    def nngp_fn(cov12, var1, var2):
        return 2 / np.pi * np.arcsin(2 * cov12 / np.sqrt((1 + 2 * var1) * (1 + 2 * var2)))

    x = np.random.RandomState(0).randn(2000, 64)
    functions = network(stax.Elementwise(np.tanh, nngp_fn), 1)
    texts = network(stax.Elementwise("tanh(x)", "2 / pi * arcsin(2 * cov12 / sqrt((1 + 2 * var1) * (1 + 2 * var2)))"), 1)
    times = [[seconds(lambda: net.kernel_fn(x, None, "ntk")) for net in (functions, texts)] for _ in range(4 * rounds)]
    called, written = map(min, zip(*times))
    print(f"| Python functions beside formulas | {called * 1e3:.1f} ms | {written * 1e3:.1f} ms | {called / written:.2f} | at most 1.2 |")


def compare_neural_tangents(python, rounds):
    for case in theirs.CASES:
        activation, dtype, depth, inputs, wanted = case
        if not hasattr(stax, activation):
            continue  # plugins of the benchmarks
        net = network(getattr(stax, activation)(), depth)
        x1, x2 = (np.random.RandomState(seed).randn(4000, 64).astype(dtype) for seed in (0, 1))
        ours, jax = [], []
        for _ in range(rounds):
            ours.append(seconds(lambda: net.kernel_fn(x1, None if inputs == "self" else x2), 2))
            jax += theirs.neural_tangents(python, case, 4000, 2)
        print(f"| {activation} {dtype}, depth {depth}, {inputs}, beside neural-tangents | {min(ours) * 1e3:.0f} ms | "
              f"{min(jax) * 1e3:.0f} ms | {min(jax) / min(ours):.1f} times as fast | {wanted} |", flush=True)


def arc_cosine(a, b, w=1.5, v=0.05):
    """The NNGP of one hidden layer of Relu as people write it with numpy (Cho and Saul, 2009)."""
    def dense(k):
        return w**2 * k + v**2
    c, p, q = dense(a @ b.T / a.shape[1]), dense((a**2).mean(1))[:, None], dense((b**2).mean(1))[None, :]
    root = np.sqrt(p * q)
    angle = np.arccos(np.clip(c / root, -1, 1))
    return dense(root * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi))


def compare_scikit_learn(rounds):
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import Kernel

    class ArcCosine(Kernel):
        def __init__(self):
            pass

        def __call__(self, X, Y=None, eval_gradient=False):
            return arc_cosine(X, X if Y is None else Y)

        def diag(self, X):
            return np.diagonal(self(X)).copy()

        def is_stationary(self):
            return False

    x, labels = np.load(DIGITS / "x.npy") / 16, np.load(DIGITS / "y.npy")
    y = np.eye(10)[labels] - 0.1
    net = network(stax.Relu(), 1)
    shift = 1e-3 * np.diagonal(arc_cosine(x[:1000], x[:1000])).mean()

    def ours():
        return predict.gradient_descent_mse_ensemble(net.kernel_fn, x[:1000], y[:1000], diag_reg=1e-3)(x_test=x[1000:], get="nngp")

    def sklearn():
        return GaussianProcessRegressor(ArcCosine(), alpha=shift, optimizer=None).fit(x[:1000], y[:1000]).predict(x[1000:])

    times = [(seconds(ours), seconds(sklearn)) for _ in range(rounds)]
    right = [(f().argmax(1) == labels[1000:]).mean() for f in (ours, sklearn)]
    (a, b), difference = map(min, zip(*times)), np.abs(ours() - sklearn()).max()
    print(f"| digits, 1000 to train and 797 to test, beside GaussianProcessRegressor | {a * 1e3:.0f} ms, {right[0]:.4f} right | "
          f"{b * 1e3:.0f} ms, {right[1]:.4f} right | {b / a:.1f} times as fast, means differ by {difference:.0e} | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with the benchmarks and the package")
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    parser.add_argument("--rounds", type=int, default=3)
    parts = {
        "overhead": lambda: compare_overhead(arguments.build, arguments.rounds),
        "callables": lambda: compare_callables(arguments.rounds),
        "scikit-learn": lambda: compare_scikit_learn(arguments.rounds),
        "neural-tangents": lambda: compare_neural_tangents(theirs.python_of(arguments.venv or arguments.build / "venv"),
                                                           arguments.rounds),
    }
    parser.add_argument("--only", nargs="+", choices=parts, default=list(parts))
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()  # folders of plugins are whole paths
    print("| case | nngp in Python | other | ratio | wanted |\n|---|---|---|---|---|", flush=True)
    for part in arguments.only:
        parts[part]()


if __name__ == "__main__":
    main()
