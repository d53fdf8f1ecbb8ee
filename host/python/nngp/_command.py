"""The command `nngp`, which comes with the package."""

from __future__ import annotations

import os
import pathlib
import sys


def executable() -> pathlib.Path:
    return pathlib.Path(__file__).resolve().parent / "bin" / "nngp"


def main() -> None:
    path = str(executable())
    os.execv(path, [path, *sys.argv[1:]])
