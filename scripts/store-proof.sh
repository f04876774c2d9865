#!/usr/bin/env bash
# The store's proof as optimised code: crash states of every pair of operations, crashes during
# recovery, failing operations, damage, planted bugs. At its deep size with SOFTPM_TEST_DEEP=1.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
swift build -c release --product store-crash-states
started=$SECONDS
program=.build/release/store-crash-states
if [ "${SOFTPM_TEST_DEEP:-}" = 1 ]; then
  "$program" deep
else
  # The pairs take half of the time: beside the rest.
  log=$(mktemp)
  timeout 600 "$program" pairs >"$log" 2>&1 &
  pairs=$!
  trap 'kill "$pairs" 2>/dev/null || true; rm -f "$log"' EXIT
  for part in pmem opening reclaims recoveries faults damage canaries; do
    timeout 600 "$program" "$part"
  done
  status=0
  wait "$pairs" || status=$?
  cat "$log"
  if [ "$status" != 0 ]; then
    echo "error: the crash states of pairs ended with status $status" >&2
    exit 1
  fi
fi
echo "the store's proof took $((SECONDS - started)) s"
