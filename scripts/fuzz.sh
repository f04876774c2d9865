#!/usr/bin/env bash
# Fuzzes the store: scripts/fuzz.sh [seconds for each target] [target ...]. Inputs that did harm
# are left in Fuzz/Corpus/Regressions, for the tests to replay; the rest of the corpus in .build.
set -euo pipefail
cd "$(dirname "$0")/.."
export SWIFT_BACKTRACE=enable=no
seconds=${1:-600}
targets=("${@:2}")
[ ${#targets[@]} -gt 0 ] || targets=(FuzzOpen FuzzRecord FuzzWorkload)
swift build --package-path Fuzz -c release
status=0
for target in "${targets[@]}"; do
  corpus=Fuzz/.build/corpus/$target
  mkdir -p "$corpus"
  # (Looking for leaks after every input takes most of the time; Swift counts references.)
  ASAN_OPTIONS=detect_leaks=0 Fuzz/.build/release/"$target" -detect_leaks=0 -max_total_time="$seconds" -timeout=20 -rss_limit_mb=1024 \
    -max_len=512 -print_final_stats=1 -artifact_prefix="Fuzz/Corpus/Regressions/$target/" \
    "$corpus" "Fuzz/Corpus/Regressions/$target" || status=1
done
exit $status
