#!/usr/bin/env bash
# From a fresh Debian 12 machine to the kernels of the bundled digits: installs the packages that are
# missing, builds the command and its plugins, and runs `nngp kernel`.
#   quickstart.sh [PRESET]   the build, in build/PRESET: release unless said otherwise
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

bash host/install-packages.sh build
preset=${1:-release}
cmake --preset "$preset" -DNNGP_BUILD_TESTS=OFF -DNNGP_COMPILE_FOLDERS=ON
cmake --build --preset "$preset"

set -x
"build/$preset/bin/nngp" kernel --x1 tests/data/digits/x.npy \
  --model 'serial(Dense(512, W_std=1.5, b_std=0.05), Relu(), Dense(512, W_std=1.5, b_std=0.05), Erf(), Dense(1))'
