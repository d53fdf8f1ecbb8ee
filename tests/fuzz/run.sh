#!/usr/bin/env bash
# Runs every fuzzer for SECONDS (60), from tests/fuzz/corpus and what earlier runs found, which
# build/clang/corpus keeps: run.sh [SECONDS [FUZZER...]]. Ends with an error at the first finding, in build/clang/found.
# NNGP_FUZZ_SEED, of libFuzzer's choices, is random unless it is set.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

seconds=${1:-60}
seed=${NNGP_FUZZ_SEED:-0}
build=build/clang
bash host/install-packages.sh build test fuzz
cmake --preset clang
cmake --build --preset clang --target fuzzers
names=("${@:2}")
((${#names[@]})) || names=($(cd tests/fuzz/corpus && ls))
mkdir -p $build/found

fuzz() {
  local found="$build/corpus/$1" log="$build/corpus/$1.log"
  mkdir -p "$found"
  if "$build/tests/fuzz_$1" -max_total_time="$seconds" -max_len=20000 -rss_limit_mb=3000 -timeout=25 \
      -seed="$seed" -artifact_prefix="$build/found/$1-" "$found" "tests/fuzz/corpus/$1" >"$log" 2>&1; then
    echo "fuzz_$1: $(grep -E '^Done' "$log")"
  else
    tail -n 60 "$log"
    echo "fuzz_$1 has found something: $build/found"
    return 1
  fi
}
export -f fuzz
export build seconds seed
printf '%s\n' "${names[@]}" | xargs -P "$(nproc)" -I{} bash -c 'fuzz {}'
echo "The fuzzers have found nothing: ${names[*]}"
