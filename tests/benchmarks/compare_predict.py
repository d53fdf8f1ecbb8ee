#!/usr/bin/env python3
"""Compares nngp predict with neural-tangents: agreement, whole processes, and what does not fit into memory.

    cmake --preset release && cmake --build build/release
    python3 tests/benchmarks/compare_predict.py --build build/release

Installs neural-tangents 0.6.5 into a virtual environment of its own, as compare_neural_tangents.py does (--venv says
where). Data are normal numbers in 64 dimensions, the network has three hidden layers of Relu.
"""

import argparse
import json
import pathlib
import tempfile

from compare_neural_tangents import python_of, run, seconds

MODEL = "serial(" + "Dense(512, 1.5, 0.05), Relu(), " * 3 + "Dense(1, 1.5, 0.05))"

DATA = r"""
import sys, numpy as np
train, test = int(sys.argv[1]), int(sys.argv[2])
random = np.random.RandomState(0)
x = random.randn(train + test, 64)
y = np.stack([np.sin(x[:, 0] + x[:, 1]), x[:, 2] * x[:, 3]], 1)
for name, rows in ('train', slice(train)), ('test', slice(train, None)):
    np.save('x_' + name, x[rows]), np.save('y_' + name, y[rows])
"""

THEIRS = r"""
import sys
import jax
jax.config.update('jax_enable_x64', True)
import numpy as np
import neural_tangents as nt
from neural_tangents import stax
kernel, time, cov = sys.argv[1:4]
kernel_fn = stax.serial(*[stax.Dense(512, 1.5, .05), stax.Relu()] * 3, stax.Dense(1, 1.5, .05))[2]
kernel_fn = jax.jit(kernel_fn, static_argnums=2)
predict_fn = nt.predict.gradient_descent_mse_ensemble(
    kernel_fn, np.load('x_train.npy'), np.load('y_train.npy'), diag_reg=1e-3)
t = None if time == 'inf' else float(time)
result = predict_fn(t=t, x_test=np.load('x_test.npy'), get=kernel, compute_cov=cov == 'cov')
if cov == 'cov':
    np.save('cov_theirs', np.asarray(result.covariance))
    result = result.mean
np.save('mean_theirs', np.asarray(result))
"""

DIFFERENCE = r"""
import numpy as np
for name in 'mean', 'cov':
    ours, theirs = np.load(name + '_ours.npy'), np.load(name + '_theirs.npy')
    print(abs(ours - theirs).max() / abs(theirs).max())
"""


class Comparison:
    def __init__(self, build, python, folder):
        self.nngp, self.python, self.folder = str(build.resolve() / "bin/nngp"), python, folder

    def make_data(self, train, test):
        run([self.python, "-c", DATA, str(train), str(test)], cwd=self.folder)

    def ours(self, *options):
        return [self.nngp, "predict", "--model", MODEL, "--x-train", f"{self.folder}/x_train.npy", "--y-train",
                f"{self.folder}/y_train.npy", "--x-test", f"{self.folder}/x_test.npy", "--mean",
                f"{self.folder}/mean_ours.npy", *options]

    def theirs(self, kernel, time, cov):
        return [self.python, "-c", f"import os; os.chdir({self.folder!r})\n" + THEIRS, kernel, time, cov]

    def agreement(self):
        print("| kernel, time | mean | covariance | (largest difference by largest entry, N=400)")
        self.make_data(400, 100)
        for kernel in "nngp", "ntk":
            for time in "inf", "1", "100", "10000":
                run(self.theirs(kernel, time, "cov"))
                run(self.ours("--kernel", kernel, "--time", time, "--cov", f"{self.folder}/cov_ours.npy"))
                mean, cov = run([self.python, "-c", DIFFERENCE], cwd=self.folder).split()
                print(f"| {kernel}, {time} | {float(mean):.1e} | {float(cov):.1e} |", flush=True)

    def cold(self, train, test, rounds):
        self.make_data(train, test)
        for kernel in "nngp", "ntk":
            theirs = min(seconds(self.theirs(kernel, "inf", "mean")) for _ in range(rounds))
            ours = min(seconds(self.ours("--kernel", kernel)) for _ in range(rounds))
            print(f"| {kernel}, N={train}, means of {test}, cold | {theirs:.2f} s | {ours:.2f} s |"
                  f" {theirs / ours:.1f} |", flush=True)

    def iterated(self, train, memory):
        self.make_data(train, 1000)
        report = json.loads(run(self.ours("--solver", "cg", "--memory", memory, "--report", "-")))
        print(f"| N={train}, --memory {memory} | {report['solver']['iterations']} iterations to"
              f" {report['solver']['residual']:.1e} |"
              f" {report['seconds']['train'] + report['seconds']['predict']:.0f} s |"
              f" {report['peak_memory_bytes'] / 2**30:.2f} GiB |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", choices=["agreement", "cold", "iterated"])
    parser.add_argument("--examples", type=int, help="of what is measured (8000 cold, 20000 iterated)")
    arguments = parser.parse_args()
    python = python_of(arguments.venv or arguments.build / "venv")
    with tempfile.TemporaryDirectory() as folder:
        comparison = Comparison(arguments.build, python, folder)
        if arguments.only in (None, "agreement"):
            comparison.agreement()
        if arguments.only in (None, "cold"):
            comparison.cold(arguments.examples or 8000, 1000, arguments.rounds)
        if arguments.only in (None, "iterated"):
            comparison.iterated(arguments.examples or 20000, "4G")


if __name__ == "__main__":
    main()
