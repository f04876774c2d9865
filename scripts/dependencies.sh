#!/usr/bin/env bash
# Installs, through apt, the Debian packages that the build needs and that are missing.
# Arguments are further packages, for commands that need more than the build does.
# Without root it prints the line to run and stops.
set -euo pipefail

if ! command -v swift >/dev/null; then
  echo "error: no Swift toolchain on PATH; install Swift 6.3 or later first (swift.org/install)." >&2
  exit 1
fi
if ! command -v dpkg-query >/dev/null; then
  echo "error: this is not a Debian system; install the development files of libpmem, liburing," >&2
  echo "libsigsegv and libxxhash, and pkg-config, with your system's package manager." >&2
  exit 1
fi

missing=()
for package in libpmem-dev liburing-dev libsigsegv-dev libxxhash-dev pkg-config "$@"; do
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if [ "$(id -u)" -ne 0 ]; then
  echo "error: Debian packages are missing. Run this once, then try again:" >&2
  echo "  sudo apt-get install -y ${missing[*]}" >&2
  exit 1
fi
echo "installing through apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
echo "installed: ${missing[*]}"
