#!/usr/bin/env bash
# Installs the packages that are missing, checks the format, builds with warnings as errors and runs all
# tests, those of the Python package too, whose wheel is made and tried. Works on a fresh Debian 12 machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash host/install-packages.sh build python test
find sdk plugins core host tests -name '*.[ch]' -o -name '*.[ch]pp' |
  xargs clang-format --dry-run -Werror
python3 -m venv build/venv
build/venv/bin/pip install --quiet --requirement tests/python/requirements.txt
cmake --preset ci -DNNGP_BUILD_PYTHON=ON -DPython_EXECUTABLE="$PWD/build/venv/bin/python"
cmake --build --preset ci
ctest --preset ci --parallel "$(nproc)"
bash tests/python/wheel.sh ci
