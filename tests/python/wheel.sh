#!/usr/bin/env bash
# Makes the wheel of what build/PRESET has built, with all libraries that it needs, and tries it in a fresh virtual
# environment: wheel.sh PRESET. The wheel is then in build/PRESET/wheel.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
build=build/$1
tools=$PWD/build/venv/bin
folders=$(sed -n 's/^NNGP_COMPILE_FOLDERS:BOOL=//p' "$build/CMakeCache.txt")  # another value would build all anew

rm -rf "$build/wheel" "$build/wheel-venv"
PATH=$tools:$PATH "$tools/python" -m build --wheel --no-isolation --outdir "$build/wheel/plain" \
  -Cbuild-dir="$build" -Ccmake.define.NNGP_BUILD_TESTS=ON -Ccmake.define.NNGP_WERROR=ON \
  -Ccmake.define.NNGP_COMPILE_FOLDERS="$folders" \
  -Cbuild.targets={nngp_python,nngp_command,nngp_shipped_plugins}
PATH=$tools:$PATH "$tools/auditwheel" repair --wheel-dir "$build/wheel" "$build"/wheel/plain/*.whl

python3 -m venv "$build/wheel-venv"
"$build/wheel-venv/bin/pip" install --quiet "$build"/wheel/*.whl
"$build/wheel-venv/bin/python" tests/python/first_kernel.py
