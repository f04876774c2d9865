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
SOFTPM_DISCOVERY=checked swift test --skip-build -Xswiftc -warnings-as-errors "$@"
scripts/store-proof.sh
scripts/types-proof.sh
swift build --package-path Examples
scripts/demo.sh --quiet
scripts/examples.sh
# The benchmarks at their smallest size, so that they never rot. Optimised: what the optimiser
# makes of a program's types is persisted too, and no other test is built so.
SOFTPM_BUILD_FLAGS="-Xswiftc -warnings-as-errors" scripts/bench.sh all --smoke
echo "tests passed in $((SECONDS - started)) s"
