#!/usr/bin/env bash
# Installs the packages that are missing, checks the format, builds with warnings as errors and runs all
# tests. Works on a fresh Debian 12 machine.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash host/install-packages.sh build test
find sdk plugins core host tests -name '*.[ch]' -o -name '*.[ch]pp' |
  xargs clang-format --dry-run -Werror
cmake --preset ci
cmake --build --preset ci
ctest --preset ci --parallel "$(nproc)"
