#!/usr/bin/env bash
# Tries a wheel where nothing but Debian's base system, python3 and pip is: minimal_root.sh WHEEL. Needs root and
# debootstrap. What the wheel depends on is downloaded here, for the root has no network.
set -euo pipefail
wheel=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT

debootstrap --variant=minbase --include=python3,python3-venv bookworm "$root" >/dev/null
mkdir "$root/wheels"
python3 -m pip download --quiet --dest "$root/wheels" "$wheel"
cp "$here/first_kernel.py" "$root"
# With a /proc, by which programs find what lies beside them.
env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/ unshare --mount bash -euo pipefail -c '
  mount -t proc proc "$1/proc"
  exec chroot "$1" bash -euo pipefail -c "$2"' - "$root" '
  SECONDS=0
  python3 -m venv /venv
  /venv/bin/pip install --quiet --no-index --find-links /wheels nngp
  /venv/bin/python /first_kernel.py
  echo "first kernel after $SECONDS s"'
