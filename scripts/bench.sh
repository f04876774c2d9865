#!/usr/bin/env bash
# Builds and runs the benchmarks, optimised. Arguments are handed on to softpm-bench, which
# explains itself; `--debug` in front builds them with all checks instead (for smoke sizes).
set -euo pipefail
cd "$(dirname "$0")/.."
configuration=release
if [ "${1:-}" = --debug ]; then
  configuration=debug
  shift
fi
# The peers that the library is held against; nothing else needs them.
scripts/dependencies.sh libsqlite3-dev liblmdb-dev libpmemobj-dev
swift build --package-path Benchmarks -c "$configuration" ${SOFTPM_BUILD_FLAGS:-}

version() { dpkg-query -W -f='${Package} ${Version}, ' "$1" 2>/dev/null || true; }
SOFTPM_BENCH_VERSIONS="$(swift --version 2>/dev/null | grep -o 'Swift version [0-9.]*'), "
SOFTPM_BENCH_VERSIONS+="$(version libc6)$(version liburing2)$(version libsqlite3-0)$(version liblmdb0)$(version libpmemobj1)"
SOFTPM_BENCH_VERSIONS+="commit $(git rev-parse --short HEAD 2>/dev/null || echo unknown)"
export SOFTPM_BENCH_VERSIONS
# Stores that are measured lie on a disk: /tmp may be none.
export SOFTPM_BENCH_FOLDER="${SOFTPM_BENCH_FOLDER:-Benchmarks/.build}"
Benchmarks/.build/"$configuration"/softpm-bench "$@"
