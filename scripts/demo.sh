#!/usr/bin/env bash
# The main job, shown: a phone book of plain classes is written by a program that is killed with
# -9, restored by the next run of it, and its versions are listed.
set -euo pipefail
cd "$(dirname "$0")/.."
quiet=${1:-}
say() { [ "$quiet" = --quiet ] || echo "$@"; }

say "building the example (once) …"
swift build --package-path Examples --product phonebook ${quiet:+--quiet}
program=Examples/.build/debug/phonebook
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SOFTPM_STORE="$folder/phonebook.softpm"

run() {
  local output
  say "\$ phonebook $*"
  if output=$("$program" "$@" 2>&1); then :; else
    local status=$?
    # 137: the program killed itself with SIGKILL, which is what this demonstration is about.
    if [ "$status" -ne 137 ]; then
      printf '%s\n' "$output" >&2
      echo "error: phonebook $* ended with status $status" >&2
      exit 1
    fi
    output+=$'\n(killed with -9)'
  fi
  say "$output" | sed 's/^/    /'
  last=$output
}

run add Ann 555-0199
run add Bob 555-0123 --crash
run add Cleo 555-0177 --crash
run list
[[ $last == *Ann*Bob*Cleo* ]] || { echo "error: an entry is missing after the crash" >&2; exit 1; }
run versions
[ "$(grep -c '^version' <<<"$last")" -eq 3 ] || { echo "error: expected 3 versions" >&2; exit 1; }
echo "demo: three entries written, the program killed twice, everything restored"
