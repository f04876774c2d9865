#!/usr/bin/env bash
# Builds and runs the benchmarks, optimised. Arguments are handed on.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build --package-path Benchmarks -c release
Benchmarks/.build/release/softpm-bench "$@"
