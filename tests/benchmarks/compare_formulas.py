#!/usr/bin/env python3
"""What a formula costs beside a plugin and beside neural-tangents' stax.Elementwise, in one run.

    cmake --preset release -DNNGP_BUILD_BENCHMARKS=ON && cmake --build build/release
    python3 tests/benchmarks/compare_formulas.py --build build/release

The error function with its closed form, derivatives automatic on all sides: as a formula in the model, as a plugin
(plugins/autodiff_erf.cpp), and as stax.Elementwise of two functions. Tanh, which is integrated: as formula of fn and
as the plugin that comes with nngp. Sides are measured in turn, `--rounds` times; the least time of each makes the
ratio. Installs neural-tangents as compare_neural_tangents.py does.
"""

import argparse
import pathlib

from compare_neural_tangents import neural_tangents, python_of, repetitions

EXAMPLES = 4000  # as in engine.cpp


def least(build, benchmarks):
    """The least milliseconds of each benchmark whose name matches: {"FormulaErf/float64/3/cross/fresh": ms}."""
    return {name.removesuffix("/real_time").split("/min_time")[0]: min(entry["real_time"] for entry in entries)
            for name, entries in repetitions(build, benchmarks).items()}


def merged(rounds):
    return {name: min(one[name] for one in rounds) for name in rounds[0]}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build folder with the benchmarks")
    parser.add_argument("--venv", type=pathlib.Path, help="where neural-tangents is or goes (BUILD/venv)")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    python = python_of(arguments.venv or arguments.build / "venv")
    print("| case | formula ms | beside | ms | ratio | wanted |\n|---|---|---|---|---|---|")

    def row(case, formula, beside, other, ratio, wanted):
        print(f"| {case} | {formula:.1f} | {beside} | {other:.1f} | {ratio:.2f} | {wanted} |", flush=True)

    for dtype in ("float64", "float32"):
        ours, theirs = [], []
        for _ in range(arguments.rounds):
            ours.append(least(arguments.build, f"^(Formula|Autodiff)Erf/{dtype}/3/cross/"))
            theirs.append(1e3 * min(neural_tangents(python, ("AutodiffErf", dtype, 3, "cross", None), EXAMPLES, 3)))
        ours, theirs = merged(ours), min(theirs)
        formula = {memory: ours[f"FormulaErf/{dtype}/3/cross/{memory}"] for memory in ("fresh", "reused")}
        plugin = ours[f"AutodiffErf/{dtype}/3/cross/reused"]
        case = f"erf {dtype}, 3 layers, N = {EXAMPLES}"
        row(case, formula["reused"], "plugin", plugin, formula["reused"] / plugin, "at most 3")
        row(case, formula["fresh"], "neural-tangents", theirs, theirs / formula["fresh"], "at least 3")
    for dtype in ("float64", "float32"):
        ours = merged([least(arguments.build, f"^numerical(_formula)?/{dtype}/{EXAMPLES}/mixed/reused")
                       for _ in range(arguments.rounds)])
        formula, plugin = (ours[f"{name}/{dtype}/{EXAMPLES}/mixed/reused"]
                           for name in ("numerical_formula", "numerical"))
        row(f"tanh {dtype}, integrated, N = {EXAMPLES}", formula, "plugin", plugin, formula / plugin, "at most 1.1")


if __name__ == "__main__":
    main()
