"""Changes the source at one place at a time and lists the changes that no test notices: mutate.py GROUP [options].

A change flips an operator (+ -, * /, < <=, == !=, && ||, min max) or alters a number. For each, the programs of the group
are built again and run; a change survives if all succeed. Survivors are printed as a list in Markdown. The source is
put back after each, also when the script is interrupted; files with changes of yours are refused.

    cmake --preset ci && python3 tests/mutation/mutate.py layers --count 40
"""

import argparse
import pathlib
import random
import re
import subprocess
import sys

root = pathlib.Path(__file__).resolve().parents[2]

# Files, and the programs that are to notice a change of them with their arguments.
groups = {
    "layers": (
        ["core/src/layers/*.cpp", "core/src/engine/kernel_builder.cpp"],
        ["core_spatial_test", "core_networks_test", "core_layers_test", "core_finite_spatial_test --gtest_filter=-*Golden*",
         "core_finite_test", "core_model_test", "core_kernel_test"],
    ),
    "tiles": (
        ["core/src/simd/*.inc", "core/src/simd/affine*.hpp", "core/src/engine/tile_engine.cpp"],
        ["core_networks_test", "core_spatial_test", "core_layers_test", "core_counting_test", "core_kernel_test"],
    ),
    "plugins": (
        ["plugins/*.cpp"],
        ["golden_test", "property_test", "sine_test", "rectified_monomial_test",
         "core_numerical_test --gtest_filter=*ReferenceValues*:ClosedForms.*"],
    ),
    "finite": (
        ["core/src/finite/*.cpp"],
        ["core_finite_test", "core_finite_spatial_test", "core_monte_carlo_test --gtest_filter=-*Convergence.*"],
    ),
}

flips = {
    " + ": " - ", " - ": " + ", " * ": " / ", " / ": " * ", " += ": " -= ", " *= ": " /= ",
    " < ": " <= ", " <= ": " < ", " > ": " >= ", " >= ": " > ", " == ": " != ", " != ": " == ",
    " && ": " || ", " || ": " && ", "min(": "max(", "max(": "min(",
}
number = re.compile(r"(?<![\w.\"'])(\d+\.\d+|\d+\.|\d+)(?![\w.\"'])")


def mutants_of(path):
    """(line, column, length, new text) of each place in code; comments, text and declarations of templates are left out."""
    for at, line in enumerate(path.read_text().splitlines()):
        code = re.sub(r'"(\\.|[^"\\])*"', lambda text: " " * len(text[0]), line.split("//")[0])
        if re.match(r"\s*(#|template|using|namespace|static_assert|\*)", code):
            continue
        for old, new in flips.items():
            for found in re.finditer(re.escape(old), code):
                yield at, found.start(), len(old), new
        for found in number.finditer(code):
            value = found[0]
            yield at, found.start(), len(value), repr(float(value) * 1.25 + 0.5) if "." in value else str(int(value) + 1)


def succeeds(words, seconds):
    try:
        return subprocess.run(words, cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=seconds, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("group", choices=groups)
    parser.add_argument("--build", default="build/ci", help="a build with tests")
    parser.add_argument("--count", type=int, help="so many changes, chosen at random; default: all")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", action="append", help="only these files")
    options = parser.parse_args()

    patterns, programs = groups[options.group]
    files = sorted(path for pattern in options.file or patterns for path in root.glob(pattern))
    changed = subprocess.run(["git", "status", "--porcelain", "--", *map(str, files)], cwd=root,
                             stdout=subprocess.PIPE, text=True, check=True).stdout
    if changed:
        sys.exit(f"mutate.py: commit these first:\n{changed}")
    build = ["ninja", "-C", options.build, *(program.split()[0] for program in programs)]
    if options.group == "plugins":
        build.append("nngp_shipped_plugins")
    runs = [[f"{options.build}/tests/{words[0]}", "--gtest_brief=1", *words[1:]] for words in map(str.split, programs)]
    if not succeeds(build, 36000) or not all(succeeds(words, 3600) for words in runs):
        sys.exit("mutate.py: the tests fail before any change")

    mutants = [(path, *mutant) for path in files for mutant in mutants_of(path)]
    if options.count:
        mutants = sorted(random.Random(options.seed).sample(mutants, min(options.count, len(mutants))))
    tally = {"noticed": 0, "do not compile": 0, "survive": 0}
    for path, at, column, length, new in mutants:
        text = path.read_text()
        lines = text.splitlines(keepends=True)
        line = lines[at]
        lines[at] = line[:column] + new + line[column + length:]
        try:
            path.write_text("".join(lines))
            if not succeeds(build, 3600):
                tally["do not compile"] += 1
            elif all(succeeds(words, 900) for words in runs):
                tally["survive"] += 1
                print(f"- `{path.relative_to(root)}:{at + 1}` `{line.strip()}` → `{lines[at].strip()}`", flush=True)
            else:
                tally["noticed"] += 1
        finally:
            path.write_text(text)
    print(f"\n{options.group}: of {len(mutants)} changes {tally['noticed']} are noticed, {tally['survive']} survive, "
          f"{tally['do not compile']} do not compile.")
    succeeds(build, 36000)


main()
