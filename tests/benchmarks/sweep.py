#!/usr/bin/env python3
"""Time per entry of the tile engine over N, D, depth and threads, as a table and a picture (gnuplot).

    cmake --preset release -DNNGP_BUILD_BENCHMARKS=ON && cmake --build build/release
    python3 tests/benchmarks/sweep.py --build build/release --plot tests/benchmarks/sweep.svg

Relu networks, nngp and ntk, x1 with x2; one axis varies at a time around N=2000, D=64, three hidden layers and
all threads.
"""

import argparse
import json
import pathlib
import subprocess

AXES = ["N", "D", "depth", "threads"]
CENTRE = {"N": 2000, "D": 64, "depth": 3, "threads": 0}


def measure(build):
    """[(dtype, {axis: value}, ns per entry)]"""
    command = [str(build / "tests/engine"), "--benchmark_format=json", "--benchmark_filter=^sweep/"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    points = []
    for entry in report["benchmarks"]:
        _, dtype, *values = entry["name"].split("/")[:6]
        points.append((dtype, dict(zip(AXES, map(int, values))), entry["ns"]))
    return points


def along(points, axis, dtype):
    """The points that vary in one axis alone, in order: [(value, ns)]."""
    return sorted((at[axis], ns) for name, at, ns in points
                  if name == dtype and all(at[other] == CENTRE[other] for other in AXES if other != axis)
                  and (axis == "threads") == (at["threads"] != 0))


def plot(points, path):
    lines = ["set terminal svg size 900,320 background 'white' font 'sans,11'", f"set output '{path}'",
             "set multiplot layout 1,4", "set key top left", "set yrange [0:*]", "set ylabel 'ns an entry'"]
    for axis in AXES:
        lines += [f"set xlabel '{axis}'", "unset logscale x" if axis in ("depth", "threads") else "set logscale x 4"]
        for dtype in ("float64", "float32"):
            rows = "\n".join(f"{value} {ns}" for value, ns in along(points, axis, dtype))
            lines.append(f"${dtype} << EOD\n{rows}\nEOD")
        lines.append("plot $float64 with linespoints pt 7 ps 0.5 title 'float64', "
                     "$float32 with linespoints pt 7 ps 0.5 title 'float32'")
    subprocess.run(["gnuplot"], input="\n".join(lines) + "\n", check=True, text=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with the benchmarks")
    parser.add_argument("--plot", type=pathlib.Path, help="an SVG file to write")
    arguments = parser.parse_args()
    points = measure(arguments.build)
    for axis in AXES:
        print(f"| {axis} | float64 ns an entry | float32 |\n|---|---|---|")
        for (value, double), (_, single) in zip(along(points, axis, "float64"), along(points, axis, "float32")):
            print(f"| {value} | {double:.2f} | {single:.2f} |")
        print()
    if arguments.plot:
        plot(points, arguments.plot)


if __name__ == "__main__":
    main()
