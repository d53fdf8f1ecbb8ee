#!/usr/bin/env bash
# The tests of what runs in threads, under the thread sanitizer.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bash host/install-packages.sh build test
cmake --preset tsan
cmake --build --preset tsan --target tests_threads
ctest --preset tsan --parallel "$(nproc)"
