#!/usr/bin/env python3
"""Draws core/numerical.svg: errors and times of nngp, by variance, of functions known by fn alone.

    python3 tests/benchmarks/numerical_errors.py build/release/bin/nngp      # needs NumPy, Matplotlib and a C compiler

`nngp eval` beside the Gauss-Hermite grid that ElementwiseNumerical of neural-tangents uses (here in NumPy), of deg 25 and 100,
on the reference values of tests/golden/functions.csv. Prints the figures as well.
"""

import csv
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402
import numpy as np  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
FUNCTIONS = ["tanh", "swish", "softplus", "hypot", "asinh", "softplus10", "tanh100", "narrow_bump", "sine5",
             "shifted_relu", "triangle", "steep_step"]
DEGREES = [25, 100]
LEAST = 1e-17  # shown for less


def reference():
    """Rows by function."""
    rows = {name: [] for name in FUNCTIONS}
    with open(ROOT / "tests/golden/functions.csv", newline="") as file:
        for row in csv.DictReader(file):
            if row["name"] in rows and row["nngp"] and float(row["norm"]) > 0:
                rows[row["name"]].append({key: value if key in ("name", "formula") else float(value or "nan")
                                          for key, value in row.items()})
    return rows


def ours(command, plugin, name, rows, folder):
    """nngp of each row, and seconds a point."""
    points = pathlib.Path(folder) / "points.csv"
    points.write_text("".join(f"{row['cov12']!r},{row['var1']!r},{row['var2']!r}\n" for row in rows))
    report = subprocess.run([command, "eval", f"golden_{name}", "--plugin", plugin, "--points", points, "--report", "-"],
                            check=True, capture_output=True).stdout
    report = json.loads(report)
    return [point["nngp"] for point in report["points"]], report["seconds"] / len(rows)


def gauss_hermite(formula, rows, degree):
    """The same by a grid of degree x degree points."""
    node, weight = np.polynomial.hermite.hermgauss(degree)
    node, weights = np.sqrt(2) * node, np.outer(weight, weight) / np.pi
    fn = eval(f"lambda x: {formula}", {name: getattr(np, name) for name in dir(np) if name[0] != "_"})
    values = []
    start = time.perf_counter()
    with np.errstate(all="ignore"):
        for row in rows:
            rho = row["cov12"] / np.sqrt(row["var1"] * row["var2"])
            x1 = np.sqrt(row["var1"]) * node[:, None]
            x2 = np.sqrt(row["var2"]) * (rho * node[:, None] + np.sqrt(max(0, 1 - rho * rho)) * node)
            values.append(float(np.sum(weights * fn(x1) * fn(x2))))
    return values, (time.perf_counter() - start) / len(rows)


def main(command):
    plt.rcParams.update({"svg.hashsalt": "nngp", "svg.fonttype": "none", "font.size": 8})
    figure, axes = plt.subplots(4, 4, figsize=(7.6, 8), sharex=True)
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        plugin = f"{folder}/libgolden.so"
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-I", ROOT / "sdk/include", ROOT / "tests/host/plugins/golden.c",
                        "-o", plugin, "-lm"], check=True)
        for axis, (name, rows) in zip(axes.flat, reference().items()):
            variances = sorted({max(row["var1"], row["var2"]) for row in rows})
            curves = {method: [] for method in ("nngp", *DEGREES)}
            for variance in variances:
                here = [row for row in rows if max(row["var1"], row["var2"]) == variance]
                for method, errors in curves.items():
                    values, seconds = ours(command, plugin, name, here, folder) if method == "nngp" else \
                        gauss_hermite(here[0]["formula"], here, method)
                    errors.append(max(LEAST, *(abs(value - row["nngp"]) / row["norm"] for value, row in zip(values, here))))
                    times.setdefault((method, variance), []).append(seconds)
            for (method, errors), style in zip(curves.items(), ("o-", "s--", "^:")):
                axis.loglog(variances, errors, style, ms=3, lw=1, mfc="none",
                            label="nngp" if method == "nngp" else f"Gauss-Hermite, deg {method}")
                print(name, method, " ".join(f"{variance:g}:{error:.1e}" for variance, error in zip(variances, errors)))
            axis.set(title=name, ylim=(3e-18, 3), xticks=[1e-4, 1, 1e4], yticks=[1e-16, 1e-8, 1])
    for axis in axes.flat:
        axis.minorticks_off()
    for axis in axes[3, 1:]:
        axis.axis("off")
    for method, style in zip(("nngp", *DEGREES), ("o-", "s--", "^:")):
        variances = sorted({variance for m, variance in times if m == method})
        median = [float(np.median(times[method, variance])) for variance in variances]
        axes[3, 0].loglog(variances, median, style, ms=3, lw=1, mfc="none")
        print("seconds a point", method, " ".join(f"{v:g}:{s:.1e}" for v, s in zip(variances, median)))
    axes[3, 0].set(title="seconds a point, median", xlabel="larger variance")
    for axis in axes[2, 1:]:
        axis.set_xlabel("larger variance")
        axis.tick_params(labelbottom=True)
    axes[1, 0].set_ylabel("largest error of nngp, relative to sqrt(E fn(x1)² E fn(x2)²)")
    axes[3, 1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center left")
    figure.tight_layout()
    figure.savefig(ROOT / "core/numerical.svg", metadata={"Date": None})


if __name__ == "__main__":
    main(sys.argv[1])
