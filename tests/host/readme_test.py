"""Runs the examples of a document and compares what they print: readme_test.py ROOT BIN [DOCUMENT BUILD].

Blocks by language: `console` has commands ("$ ", continued by "> ") and their output, in which "..." stands
for anything and a line of seconds is not compared; `pycon` is typed into Python, one session for the whole document, if
the package nngp was built; `python` is a file named by its first line; `sh` names
scripts that must be there; `cpp` is a file named by its first line or else must be a part of
tests/package/program.cpp. Local links must lead somewhere. With BUILD, its SDK is installed for the examples.
"""

import doctest
import importlib.util
import io
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root, bin_folder = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
document = root / (sys.argv[3] if len(sys.argv) > 3 else "README.md")
text = document.read_text()
failures = []


def check(condition, message):
    if not condition:
        failures.append(message)


def commands(block):
    """Pairs of a command and the output that follows it."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append([line[2:], ""])
        elif line.startswith("> "):
            found[-1][0] += "\n" + line[2:]
        else:
            found[-1][1] += line + "\n"
    return found


def pattern(output):
    lines = ["seconds .*" if line.startswith("seconds ") else re.escape(line) for line in output.splitlines()]
    return "".join(line.replace(r"\.\.\.", "(?s:.*?)") + "\n" for line in lines)


def squeezed(code):
    return re.sub(r"\s+", "", code)


def session(block, names):
    """What goes wrong in the lines of a session that has `names` already."""
    test = doctest.DocTestParser().get_doctest(block, names, document.name, str(document), 0)
    said = io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS, verbose=False).run(test, out=said.write, clear_globs=False)
    names.update(test.globs)
    return said.getvalue()


ran = 0
names = {}
has_package = importlib.util.find_spec("nngp") is not None
with tempfile.TemporaryDirectory() as folder:
    for name in ("x.npy", "y.npy"):
        shutil.copy(root / "tests/data/digits" / name, folder)
    tools = pathlib.Path(folder) / "tools"
    tools.mkdir()
    (tools / "python3").write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    (tools / "python3").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{tools}:{bin_folder}:{os.environ['PATH']}",
        "NNGP_PLUGIN_PATH": "",
        "XDG_DATA_HOME": f"{folder}/data",
    }
    if len(sys.argv) > 4:
        prefix = f"{folder}/prefix"
        subprocess.run(["cmake", "--install", sys.argv[4], "--component", "sdk", "--prefix", prefix],
                       check=True, stdout=subprocess.DEVNULL)
        environment |= {"CMAKE_PREFIX_PATH": prefix, "PKG_CONFIG_PATH": f"{prefix}/share/pkgconfig"}
    os.environ.update(environment)
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        if language == "console":
            for command, expected in commands(block):
                result = subprocess.run(
                    ["bash", "-c", command], cwd=folder, env=environment, text=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
                ran += 1
                check(re.fullmatch(pattern(expected), result.stdout),
                      f"$ {command}\n{document.name} says:\n{expected}but it prints:\n{result.stdout}")
        elif language == "pycon":
            if has_package:
                os.chdir(folder)
                said = session(block, names)
                check(not said, said)
        elif language == "python":
            (pathlib.Path(folder) / block.split("\n", 1)[0].removeprefix("# ")).write_text(block)
        elif language == "sh":
            for line in block.splitlines():
                check(re.fullmatch(r"bash \S+", line) and (root / line.split()[1]).is_file(),
                      f"no such script: {line}")
        elif language == "cpp" and block.startswith("// "):
            (pathlib.Path(folder) / block.split("\n", 1)[0].removeprefix("// ")).write_text(block)
        elif language == "cpp":
            program = squeezed((root / "tests/package/program.cpp").read_text())
            check(squeezed(block) in program, f"not a part of tests/package/program.cpp:\n{block}")
        else:
            check(False, f"a block of a kind that is not tested: {language}")

for target in re.findall(r"\]\(([^)#]+)\)", text):
    check("://" in target or (document.parent / target).exists(), f"a link that leads nowhere: {target}")
check(ran > 0, "no commands found")

if not has_package and "```pycon" in text:
    print("sessions of Python were not tried: built without NNGP_BUILD_PYTHON")
print("\n".join(failures) or f"{ran} commands print what {document.name} says")
sys.exit(1 if failures else 0)
