"""The command `nngp`, which comes with the package."""

from __future__ import annotations

import os
import pathlib
import sys

from . import plugins


def main() -> None:
    """Becomes the command, which finds the plugins of installed packages too."""
    folders = [str(path if path.is_dir() else path.parent) for path in plugins.from_packages()]
    if folders:
        given = os.environ.get("NNGP_PLUGIN_PATH", "")
        os.environ["NNGP_PLUGIN_PATH"] = os.pathsep.join(filter(None, [given, *folders]))
    path = str(executable())
    os.execv(path, [path, *sys.argv[1:]])


def executable() -> pathlib.Path:
    return plugins.package_folder / "bin" / "nngp"
