"""Activations that live in shared libraries: which there are, and where they are looked for."""

from __future__ import annotations

import errno
import os
import pathlib
import subprocess
import threading
from importlib import metadata
from typing import Any, Dict, List, Union

from . import _core

Path = Union[str, "os.PathLike[str]"]

#: Where the package is laid out: beside the compiled module, which an editable install keeps apart from the sources.
package_folder = pathlib.Path(_core.__file__).resolve().parent
_lock = threading.RLock()
_named: List[pathlib.Path] = []
_state: Dict[str, Any] = {}

#: Files and folders that are looked through before all others. `load` adds to it.
search_path = _named


def _installed() -> pathlib.Path:
    return package_folder / "lib" / "nngp" / "plugins"


def from_packages() -> List[pathlib.Path]:
    """What installed packages offer by the entry point group "nngp.plugins": a folder or file beside a
    module, named "package:file". Nothing of a package is imported."""
    found = []
    for distribution in metadata.distributions():  # of which entry points before Python 3.10 do not know theirs
        for point in distribution.entry_points:
            if point.group != "nngp.plugins":
                continue
            package, _, name = point.value.partition(":")
            folder = pathlib.Path(str(distribution.locate_file(package.replace(".", "/"))))
            path = folder / name.strip() if name else folder
            if path.exists():
                found.append(path)
    return found


def registry() -> Any:
    """The activations found: made when first needed, anew when the search path has changed."""
    with _lock:
        key = (tuple(_named), os.environ.get("NNGP_PLUGIN_PATH"))
        if _state.get("key") != key:
            named = [pathlib.Path(path) for path in _named] + from_packages()
            _state["registry"] = _core.Registry(named, [], _installed())
            _state["activations"] = _state["registry"].activations()
            _state["key"] = key
        return _state["registry"]


def activations() -> List[Dict[str, Any]]:
    """What each activation says of itself: name, summary, formula, parameters, file, ..."""
    registry()
    return list(_state["activations"])


def load(path: Path) -> List[str]:
    """Adds the plugins of a shared library or folder, and returns the names of their activations.

    Raises FileNotFoundError, and OSError, with the reason, for a file that is no plugin.
    """
    resolved = pathlib.Path(path).expanduser().resolve()
    if not resolved.exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(resolved))
    with _lock:
        before = list(_named)
        _named.insert(0, resolved)
        try:
            registry()
            names = [a["name"] for a in activations()
                     if pathlib.Path(a["file"]) == resolved or resolved in pathlib.Path(a["file"]).parents]
            if not names:
                raise OSError(f"{resolved}: no plugin is there")
        except Exception:
            _named[:] = before
            raise
        return names


def check(path: Path) -> str:
    """What `nngp plugins check` says of a shared library. Raises ValueError, with that text, if it finds
    something wrong. The library runs in a process of its own."""
    from ._command import executable
    if not pathlib.Path(path).exists():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(path))
    done = subprocess.run([str(executable()), "plugins", "check", os.fspath(path)], capture_output=True, text=True)
    if done.returncode:
        raise ValueError((done.stdout + done.stderr).strip())
    return done.stdout.strip()
