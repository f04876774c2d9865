#!/usr/bin/env bash
# Runs the examples about versions and checks what they say: undo and redo, and a simulation whose
# futures are branches. Each twice, since what a program left is what the next run begins with.
set -euo pipefail
cd "$(dirname "$0")/.."
swift build --package-path Examples --quiet
programs=Examples/.build/debug
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# expect WHAT TEXT: the last output says it
expect() {
  [[ $output == *"$2"* ]] || {
    printf '%s\n' "$output" >&2
    echo "error: $1 does not say \"$2\"" >&2
    exit 1
  }
}

run() {
  output=$(SOFTPM_STORE="$folder/$1.softpm" timeout 120 "$programs/$@" 2>&1) || {
    local status=$?
    printf '%s\n' "$output" >&2
    echo "error: $* ended with status $status" >&2
    exit 1
  }
}

run undo
expect undo "0 versions from before"
expect undo "999 times undone, each text as it was"
expect undo "999 times redone, each text as it was"
expect undo "a fresh edit is version 1001, made from 501; redo: false"
expect undo "1001 versions, 2 ends of lines"
run undo 20
expect undo "1001 versions from before"
expect undo "1022 versions, 3 ends of lines"

run futures
expect futures "warmed up: year 100, "
expect futures "8 branches of version "
[ "$(grep -c '^quota .*: year 150, ' <<<"$output")" -eq 8 ] ||
  { echo "error: futures does not show eight futures" >&2; exit 1; }
expect futures "the base is as it was: year 100, "
best=$(grep '^best: ' <<<"$output")
run futures
expect futures "warm-up restored: year 100, "
expect futures "$best"
echo "examples: 1,000 versions undone and redone; eight futures of one past, the same twice"
