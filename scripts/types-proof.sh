#!/usr/bin/env bash
# The types layer as optimised code: the references found are those that the runtime retains, and
# graphs written by optimised programs are restored by unoptimised ones, and the other way round.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
for product in TypesOracle TypesWriter TypesReader; do
  swift build -c release --product "$product"
  swift build -c debug --product "$product"
done
started=$SECONDS
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for configuration in release debug; do
  timeout 120 ".build/$configuration/TypesOracle"
done
for pair in "release debug" "debug release" "release release"; do
  read -r writer reader <<< "$pair"
  for seeds in user process; do
    export SOFTPM_HASH_SEED=$seeds XDG_STATE_HOME=$scratch
    ".build/$writer/TypesWriter" "$scratch/zoo"
    timeout 120 ".build/$reader/TypesReader" "$scratch/zoo"
    ".build/$writer/TypesWriter" "$scratch/exhibits" ""
    timeout 120 ".build/$reader/TypesReader" "$scratch/exhibits" ""
  done
done
echo "the types' proof took $((SECONDS - started)) s"
