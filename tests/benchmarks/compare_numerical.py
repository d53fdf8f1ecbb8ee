#!/usr/bin/env python3
"""Tanh, which has no closed form: nngp's numerical layer and neural-tangents' ElementwiseNumerical(tanh, deg=25)
in one run.

    cmake --preset release -DNNGP_BUILD_BENCHMARKS=ON && cmake --build build/release
    python3 tests/benchmarks/compare_numerical.py --build build/release

neural-tangents needs 5.6 GB for 1000 rows, so its time per entry is that of 500. Ours includes the
preparation. Times are medians on both sides; `reused` writes into memory that was touched before,
`fresh` allocates the results.
"""

import argparse
import pathlib
import statistics

from compare_neural_tangents import python_of, repetitions, run

NEURAL_TANGENTS = r"""
import sys, time
dtype, n = sys.argv[1], 500
import jax
jax.config.update('jax_enable_x64', dtype == 'float64')
import jax.numpy as np, numpy
from neural_tangents import stax
kernel_fn = stax.serial(stax.Dense(512), stax.ElementwiseNumerical(np.tanh, deg=25), stax.Dense(1))[2]
call = jax.jit(lambda a, b: tuple(kernel_fn(a, b, ('nngp', 'ntk'))))
random = numpy.random.RandomState(0)
x = random.randn(2, n, 16)
x *= numpy.sqrt(16 * .5 * 20 ** numpy.linspace(0, 1, n)[:, None]) / numpy.linalg.norm(x, axis=-1, keepdims=True)
x1, x2 = (np.array(side.astype(dtype)) for side in x)
jax.block_until_ready(call(x1, x2))
times = []
for _ in range(5):
    start = time.perf_counter()
    jax.block_until_ready(call(x1, x2))
    times.append(time.perf_counter() - start)
print(sorted(times)[2] / n ** 2 * 1e9)
"""

WANTED = {("float64", "mixed", 4000): 600, ("float64", "one", 4000): 1500, ("float32", "mixed", 4000): 1000,
          ("float64", "mixed", 500): 100, ("float32", "mixed", 500): 100}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with the benchmarks")
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    arguments = parser.parse_args()
    python = python_of(arguments.venv or arguments.build / "venv")
    print("| dtype, variances, N | neural-tangents ns | fresh ns | reused ns | ratio, fresh | ratio, reused | wanted |")
    print("|---|---|---|---|---|---|---|")
    for dtype in ("float64", "float32"):
        theirs = float(run([python, "-c", NEURAL_TANGENTS, dtype]))
        ours = {tuple(name.split("/")[2:5]): statistics.median(entry["ns"] for entry in entries)
                for name, entries in repetitions(arguments.build, f"^numerical/{dtype}/").items()}
        for n in (4000, 500):
            for variances in ("mixed", "one"):
                fresh, reused = (ours[str(n), variances, memory] for memory in ("fresh", "reused"))
                print(f"| {dtype}, {variances}, {n} | {theirs:.0f} | {fresh:.2f} | {reused:.2f} | {theirs / fresh:.0f} |"
                      f" {theirs / reused:.0f} | {WANTED.get((dtype, variances, n), '')} |", flush=True)


if __name__ == "__main__":
    main()
