#!/usr/bin/env bash
# Runs every test: lint, the package's tests, the examples. Ends with a line that says so.
set -euo pipefail
cd "$(dirname "$0")/.."
started=$SECONDS
# A crash in a test must end the run; the interactive backtracer can hang on one for minutes.
export SWIFT_BACKTRACE=enable=no

# Beside what everybody needs: with it, tests count a point's system calls.
scripts/dependencies.sh strace
scripts/lint.sh
swift build --build-tests -Xswiftc -warnings-as-errors
# Every point of every test is compared with what a full trace makes of it.
# What failed is said again at the end: it may be thousands of lines above.
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! SOFTPM_DISCOVERY=checked swift test --skip-build -Xswiftc -warnings-as-errors "$@" 2>&1 |
  tee "$log"; then
  printf '\nfailed:\n'
  grep -aE -A 6 'recorded an issue|error: |Fatal error|unexpected signal' "$log" |
    grep -avE '(started|passed after)' | tail -60 || true
  exit 1
fi
scripts/store-proof.sh
scripts/types-proof.sh
swift build --package-path Examples
scripts/demo.sh --quiet
scripts/examples.sh
# The benchmarks at their smallest size, so that they never rot. Optimised: what the optimiser
# makes of a program's types is persisted too, and no other test is built so.
SOFTPM_BUILD_FLAGS="-Xswiftc -warnings-as-errors" scripts/bench.sh all --smoke
echo "tests passed in $((SECONDS - started)) s"
