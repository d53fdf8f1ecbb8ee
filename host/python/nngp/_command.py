"""The command `nngp`, which comes with the package."""

from __future__ import annotations

import os
import pathlib
import sys

from . import _core


def executable() -> pathlib.Path:
    return pathlib.Path(_core.__file__).resolve().parent / "bin" / "nngp"


def main() -> None:
    path = str(executable())
    os.execv(path, [path, *sys.argv[1:]])
