#!/usr/bin/env bash
# Tests the heap and the tracking layer, which run under everybody's feet, in the ways that the
# whole package would take too long for: optimised, under the sanitizers, and where userfaultfd is
# forbidden. Then proves the heap in programs built in every way that it is to work in, and in some
# in which it must refuse. SOFTPM_TEST_DEEP=1 makes the tests larger, as everywhere.
# usage: test-layers.sh [release|filtered|thread|address|proof …]    all, where none is named
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
folder=$root/.build/layers
export SWIFT_BACKTRACE=enable=no
mkdir -p "$folder"
ln -sfn "$root/Sources" "$folder/Sources"
ln -sfn "$root/Tests" "$folder/Tests"
cat > "$folder/Package.swift" <<'END'
// swift-tools-version: 6.1
// Two layers of the package beside, made by scripts/test-layers.sh.
import PackageDescription

let package = Package(
  name: "layers",
  targets: [
    .systemLibrary(name: "CLibXXHash", pkgConfig: "libxxhash"),
    .systemLibrary(name: "CLibSigSegv"),
    .target(name: "CSoftPMLinux"),
    .target(name: "CSoftPMHeap"),
    .target(
      name: "CSoftPMFault", dependencies: ["CLibSigSegv"],
      cSettings: [.define("SOFTPM_LIBSIGSEGV")], linkerSettings: [.linkedLibrary("sigsegv")]),
    .target(name: "SoftPMBase", dependencies: ["CLibXXHash"]),
    .target(name: "SoftPMHeap", dependencies: ["SoftPMBase", "CSoftPMHeap"]),
    .target(
      name: "SoftPMTracking", dependencies: ["SoftPMBase", "CSoftPMLinux", "CSoftPMFault"]),
    .testTarget(name: "SoftPMHeapTests", dependencies: ["SoftPMHeap"]),
    .testTarget(
      name: "SoftPMTrackingTests",
      dependencies: ["SoftPMTracking", "CTrackingProbe", "TrackingProgram"]),
    .target(name: "CTrackingProbe", path: "Tests/Programs/CTrackingProbe"),
    .executableTarget(
      name: "TrackingProgram", dependencies: ["SoftPMTracking", "CTrackingProbe"],
      path: "Tests/Programs/TrackingProgram"),
  ],
  swiftLanguageModes: [.v6]
)
END

run() {
  printf '\n== %s\n' "$1"
  shift
  # What passed is not worth a line; the status is that of the tests.
  swift test --package-path "$folder" -j "${JOBS:-2}" "$@" 2>&1 |
    { grep -vE '^(◇|↳)|✔ Test "|^\[|Compiling|Build|^Test Suite|Executed 0 tests' || true; }
}

# Optimised, in a seccomp filter that forbids userfaultfd, as many containers of Docker's have.
filtered() {
  printf '\n== tracking, where userfaultfd is forbidden\n'
  swift build --package-path "$folder" -j "${JOBS:-2}" -c release -Xswiftc -enable-testing \
    --build-tests >/dev/null
  local built=$folder/.build/release
  SOFTPM_TEST_FILTERED=1 "$built/TrackingProgram" forbidden run \
    "$built/layersPackageTests.xctest" --testing-library swift-testing \
    --filter SoftPMTrackingTests --skip ProgramTests 2>&1 |
    sed 's/\x1b\[[0-9;]*m//g' | { grep -vE '^(◇|↳)|✔ Test "' || true; }
}

for way in "${@:-release filtered thread address proof}"; do
  for name in $way; do
    case $name in
      release) run "the heap, optimised" --filter SoftPMHeapTests -c release -Xswiftc -enable-testing ;;
      filtered) filtered ;;
      thread) run "heap and tracking under ThreadSanitizer" --sanitize thread ;;
      address)
        # The loader's own list of what it opened, which LeakSanitizer does not see held; and what
        # Foundation loses when the tests read an empty file.
        printf 'leak:%s\n' _dl_map_object_deps readBytesFromFile > "$folder/suppressions"
        LSAN_OPTIONS="suppressions=$folder/suppressions:print_suppressions=0" \
          run "heap and tracking under AddressSanitizer" --sanitize address ;;
      proof)
        printf '\n== the heap in programs of many kinds\n'
        "$root/Tests/Programs/HeapProof/run" "$folder/proof" 3000
        ;;
      *)
        echo "error: there is no way \"$name\"" >&2
        exit 2
        ;;
    esac
  done
done
echo "the layers hold in every way"
