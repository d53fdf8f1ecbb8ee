#!/usr/bin/env python3
"""What it saves to compute only those pairs of positions that the output is made of.

    cmake --preset release && cmake --build build/release
    python3 tests/benchmarks/offset_sets.py --build build/release

Conv, Relu, AvgPool((2, 2)), Conv, Relu on images of 32 x 32, nngp and ntk in float64, once with Flatten, which needs few pairs
of positions, and once with GlobalAvgPool, which needs all: pairs of positions of a pair of images, layer by layer, as `nngp kernel --report` counts them,
and milliseconds a pair.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile

CONV = "Conv(64, (3, 3), padding='SAME', W_std=1.4, b_std=0.1), Relu()"
NETWORK = f"serial({CONV}, AvgPool((2, 2), strides=(2, 2)), {CONV}, %s(), Dense(1))"


def write_images(path, count, numbers):
    """Pixels of 1 channel as rows of a .csv file; which numbers does not matter."""
    with open(path, "w") as file:
        for i in range(count):
            file.write(",".join(f"{(i * 7919 + p * 104729) % 1009 / 1009 - 0.5:.4f}" for p in range(numbers)) + "\n")


def measure(command, folder, end, count, rounds):
    images = folder / f"images{count}.csv"
    if not images.exists():
        write_images(images, count, 32 * 32)
    report = folder / "report.json"
    times = []
    for _ in range(rounds):
        for old in folder.glob("*.npy"):
            old.unlink()
        subprocess.run([str(command), "kernel", "--model", NETWORK % end, "--x1", str(images), "--x2", str(images), "--header", "no",
                        "--shape", "32x32x1", "--nngp", str(folder / "k.npy"), "--ntk", str(folder / "t.npy"), "--report",
                        str(report)], check=True, capture_output=True)
        times.append(json.loads(report.read_text())["seconds"]["compute"])
    layers = json.loads(report.read_text())["layers"]
    return sum(layer["pairs"] for layer in layers), min(times) / count**2 * 1e3


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    command = options.build / "bin" / "nngp"
    with tempfile.TemporaryDirectory() as folder:
        few = measure(command, pathlib.Path(folder), "Flatten", 256, options.rounds)
        all_pairs = measure(command, pathlib.Path(folder), "GlobalAvgPool", 32, options.rounds)
    print(f"{'':16}{'pairs':>16}{'ms a pair':>12}")
    print(f"{'Flatten':16}{few[0]:16}{few[1]:12.4f}")
    print(f"{'GlobalAvgPool':16}{all_pairs[0]:16}{all_pairs[1]:12.4f}")
    print(f"{'ratio':16}{all_pairs[0] / few[0]:16.1f}{all_pairs[1] / few[1]:12.1f}")


if __name__ == "__main__":
    main()
