#!/usr/bin/env bash
# Builds for Debian's arm64 and runs the quick tests under qemu: run.sh [ARGUMENT OF CTEST...].
# build/arm64-root is where the libraries of arm64 are extracted; nothing of this system is changed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

bash host/install-packages.sh build test arm64
root=build/arm64-root
if [[ ! -e $root/.complete ]]; then
  rm -rf "$root"
  mapfile -t packages < <(awk '$1 == "target" {print $2}' host/debian-packages.txt)
  sources=()
  for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources}; do
    [[ -s $file ]] && sources+=("$file")
  done
  mkdir -p build
  mmdebstrap --quiet --variant=extract --architectures=arm64 --include="$(IFS=,; echo "${packages[*]}")" \
    bookworm "$root" "${sources[@]}"
  touch "$root/.complete"
fi
cmake --preset arm64
cmake --build --preset arm64 --target tests_quick
# Tests that start other programs of arm64 need a system that hands these to qemu.
export QEMU_LD_PREFIX=$PWD/$root
if [[ ! -e /proc/sys/fs/binfmt_misc/qemu-aarch64 ]]; then
  echo "arm64: this system does not start programs of arm64 by itself (binfmt_misc); three tests that do are left out"
  set -- --exclude-regex '^(host_test|check_test|command_faults_test)$' "$@"
fi
ctest --preset arm64 --parallel "$(nproc)" "$@"
