#!/usr/bin/env bash
# Builds with clang and its address and undefined-behaviour sanitizers, and runs the quick tests.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash host/install-packages.sh build test fuzz
cmake --preset clang
cmake --build --preset clang --target tests_quick
ctest --preset clang --parallel "$(nproc)"
