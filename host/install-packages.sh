#!/usr/bin/env bash
# Installs the Debian packages that are missing: install-packages.sh GROUP...
# The groups and their packages are in debian-packages.txt. Uses sudo unless run by root.
set -euo pipefail
list=$(dirname "${BASH_SOURCE[0]}")/debian-packages.txt

missing=()
while read -r group package _; do
  [[ " $* " == *" $group "* ]] || continue
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done < <(grep -v '^#' "$list")
((${#missing[@]})) || exit 0

if ! command -v apt-get >/dev/null; then
  echo "install-packages.sh: no apt-get here; install what corresponds to: ${missing[*]}" >&2
  exit 1
fi
as_root=()
if [[ $EUID -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    echo "install-packages.sh: as root, run: apt-get install ${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi
echo "Installing ${missing[*]}"
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -qq --yes --no-install-recommends "${missing[@]}"
