#!/usr/bin/env python3
"""Compares nngp with neural-tangents on images: milliseconds a pair of images, nngp and ntk, in one run.

    cmake --preset release && cmake --build build/release
    python3 tests/benchmarks/compare_spatial.py --build build/release [--venv FOLDER] [--only 16]

Installs neural-tangents 0.6.5 on JAX 0.4.30 into a virtual environment of its own (Python 3.11; --venv says
where). neural-tangents: the second call of a jit-compiled function, of as many images as it can hold; nngp:
compute_seconds of `nngp kernel --report` with enough images to take a second. Both on the processors that the
process may use. The ceiling is the time that the lane operations counted in core/spatial.md would take at two
vectors a cycle; --ghz says how fast the processor is. NNGP_ISA=avx2 measures nngp, and its ceiling, with AVX2.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

PACKAGES = ["neural-tangents==0.6.5", "jax==0.4.30", "jaxlib==0.4.30", "numpy<2", "scipy<1.11"]

CONV = "Conv(64, (3, 3), padding='SAME', W_std=1.4, b_std=0.1), Relu()"
POOL = "AvgPool((2, 2), strides=(2, 2))"
FOUR = ", ".join([CONV] * 4)
MYRTLE5 = ", ".join([CONV, CONV, POOL, CONV, POOL, CONV, POOL, POOL, POOL])

# name, side of the image, layers, activation entries and entries of convolutions of a pair, images of
# neural-tangents (float64), images of nngp with others and with themselves (of N images with themselves (N / 2 + 8) / N of
# the pairs are computed), ratio wanted
CASES = [
    ("GlobalAvgPool 16x16x3", 16, FOUR + ", GlobalAvgPool()", 4 * 256**2, 8, 64, 256, 30),
    ("GlobalAvgPool 32x32x3", 32, FOUR + ", GlobalAvgPool()", 4 * 1024**2, 2, 32, 128, 40),
    ("Flatten 32x32x3", 32, FOUR + ", Flatten()", 4 * 1024, 64, 512, 512, 20),
    ("Myrtle-5 32x32x3", 32, MYRTLE5 + ", Flatten()", 2 * 1024**2 + 256**2 + 64**2, 2, 32, 128, 0),
]

NEURAL_TANGENTS = r"""
import sys, time
layers, side, examples, dtype, inputs = sys.argv[1:6]
import jax
jax.config.update('jax_enable_x64', dtype == 'float64')
import numpy
from neural_tangents import stax
names = {name: getattr(stax, name) for name in ('Conv', 'Relu', 'AvgPool', 'GlobalAvgPool', 'Flatten', 'Dense')}
kernel_fn = stax.serial(*eval('[' + layers + ', Dense(1)]', names))[2]
random = numpy.random.RandomState(0)
x1, x2 = (random.randn(int(examples), int(side), int(side), 3).astype(dtype) for _ in range(2))
if inputs == 'self':
    x2 = None
call = jax.jit(lambda a, b: tuple(kernel_fn(a, b, ('nngp', 'ntk'))))
jax.block_until_ready(call(x1, x2))
start = time.perf_counter()
jax.block_until_ready(call(x1, x2))
print(time.perf_counter() - start)
"""

IMAGES = r"""
import sys
import numpy
folder, side, examples = sys.argv[1:4]
random = numpy.random.RandomState(0)
for name in ('x1', 'x2'):
    numpy.save(f'{folder}/{name}.npy', random.randn(int(examples), int(side), int(side), 3))
"""


def run(python, program, *arguments):
    return subprocess.run([str(python), "-c", program, *map(str, arguments)], check=True, capture_output=True,
                          text=True).stdout


def environment(folder):
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *PACKAGES], check=True)
    return python


def processor():
    for line in open("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def ours(build, folder, layers, dtype, inputs, rounds):
    command = [str(build / "bin" / "nngp"), "kernel", "--model", f"serial({layers}, Dense(1))", "--x1",
               f"{folder}/x1.npy", "--dtype", dtype, "--nngp", f"{folder}/k.npy", "--ntk", f"{folder}/t.npy",
               "--report", f"{folder}/report.json"]
    if inputs == "cross":
        command += ["--x2", f"{folder}/x2.npy"]
    times = []
    while len(times) < rounds and sum(times) < 30:
        subprocess.run(command, check=True, capture_output=True)
        times.append(json.load(open(f"{folder}/report.json"))["seconds"]["compute"])
    return min(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--venv", type=pathlib.Path, default=pathlib.Path("build/neural_tangents"))
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--dtype", action="append", help="float64 (default) or float32")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--ghz", type=float, default=2.5)
    parser.add_argument("--skip-neural-tangents", action="store_true")
    options = parser.parse_args()
    python = environment(options.venv)
    print(f"# {processor()}, milliseconds a pair of images")
    print(f"{'network':24}{'dtype':9}{'inputs':7}{'nngp':>9}{'theirs':>10}{'ratio':>8}{'wanted':>8}{'ceiling':>9}{'share':>7}")
    for name, side, layers, entries, theirs_n, cross_n, self_n, wanted in CASES:
        if options.only not in name:
            continue
        for dtype in options.dtype or ["float64"]:
            for inputs in ("cross", "self"):
                ours_n = cross_n if inputs == "cross" else self_n
                with tempfile.TemporaryDirectory() as folder:
                    run(python, IMAGES, folder, side, ours_n)
                    here = ours(options.build, folder, layers, dtype, inputs, options.rounds) / ours_n**2 * 1e3
                there = float("nan")
                if not options.skip_neural_tangents:
                    there = float(run(python, NEURAL_TANGENTS, layers, side, theirs_n, dtype, inputs))
                    there *= 1e3 / theirs_n**2
                # 51 lane operations an activation entry, 4 an entry and matrix of a separable 3 x 3 filter; two
                # vectors a cycle on two processors; half of the pairs of inputs with themselves.
                lanes = 64 // (8 if dtype == "float64" else 4)
                if "avx512" not in os.environ.get("NNGP_ISA", open("/proc/cpuinfo").read()):
                    lanes //= 2
                ceiling = entries * (51 + 8) / (lanes * 2 * 2 * options.ghz * 1e6) / (2 if inputs == "self" else 1)
                goal = wanted * (2 if inputs == "self" else 1)
                print(f"{name:24}{dtype:9}{inputs:7}{here:9.4f}{there:10.3f}{there / here:8.1f}{goal:8}"
                      f"{ceiling:9.4f}{ceiling / here:7.2f}", flush=True)


if __name__ == "__main__":
    main()
