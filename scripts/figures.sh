#!/usr/bin/env bash
# Draws docs/figures and fills the generated parts of docs/performance.md from a run of the
# benchmarks: its JSON is the argument.
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/dependencies.sh python3-matplotlib
# Debian's own Python has Debian's matplotlib.
/usr/bin/python3 scripts/figures.py "$@"
