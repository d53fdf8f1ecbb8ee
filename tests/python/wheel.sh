#!/usr/bin/env bash
# Makes the wheel of what build/PRESET has built, with all libraries that it needs, and tries it in a fresh virtual
# environment: wheel.sh PRESET. The wheel is then in build/PRESET/wheel.
# wheel.sh PRESET PYTHON does so for another Python, such as python3.9, in build/PRESET-VERSION, and runs all tests of this
# folder with the wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=build/$1 venv=build/venv
folders=$(sed -n 's/^NNGP_COMPILE_FOLDERS:BOOL=//p' "$build/CMakeCache.txt")  # another value would build all anew
if [[ $# -gt 1 ]]; then
  version=$("$2" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  build+=-$version venv+=-$version
  "$2" -m venv "$venv"
  "$venv/bin/pip" install --quiet --requirement tests/python/requirements.txt
fi
tools=$PWD/$venv/bin

rm -rf "$build/wheel" "$build/wheel-venv"
PATH=$tools:$PATH "$tools/python" -m build --wheel --no-isolation --outdir "$build/wheel/plain" \
  -Cbuild-dir="$build" -Ccmake.define.NNGP_BUILD_TESTS=ON -Ccmake.define.NNGP_WERROR=ON \
  -Ccmake.define.NNGP_COMPILE_FOLDERS="$folders" \
  -Cbuild.targets={nngp_python,nngp_command,nngp_shipped_plugins}
PATH=$tools:$PATH "$tools/auditwheel" repair --wheel-dir "$build/wheel" "$build"/wheel/plain/*.whl

"$tools/python" -m venv "$build/wheel-venv"
"$build/wheel-venv/bin/pip" install --quiet "$build"/wheel/*.whl
"$build/wheel-venv/bin/python" tests/python/first_kernel.py
if [[ $# -gt 1 ]]; then
  "$tools/pip" install --quiet --no-deps --force-reinstall "$build"/wheel/*.whl
  env -u PYTHONPATH "$tools/python" -m pytest --quiet -p no:cacheprovider tests/python
fi
