#!/usr/bin/env bash
# The store's proof as optimised code: crash states of every pair of operations, crashes during
# recovery, failing operations, damage, planted bugs. At its deep size with SOFTPM_TEST_DEEP=1.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
swift build -c release --product store-crash-states
started=$SECONDS
if [ "${SOFTPM_TEST_DEEP:-}" = 1 ]; then
  .build/release/store-crash-states deep
else
  timeout 600 .build/release/store-crash-states all
fi
echo "the store's proof took $((SECONDS - started)) s"
