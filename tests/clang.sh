#!/usr/bin/env bash
# Builds once with clang, warnings as errors, under its address and undefined-behaviour sanitizers; runs the quick
# tests in that build, then each of its fuzzers: clang.sh [SECONDS], a minute unless said otherwise.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash host/install-packages.sh build test fuzz
cmake --preset clang
cmake --build --preset clang --target tests_quick fuzzers
ctest --preset clang --parallel "$(nproc)"
NNGP_FUZZ_SEED=1 bash tests/fuzz/run.sh "${1:-60}"  # what it finds is of the change
