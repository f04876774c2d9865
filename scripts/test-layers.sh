#!/usr/bin/env bash
# Tests the heap and the tracking layer, which run under everybody's feet, in the ways that the
# whole package would take too long for: optimised, and under the sanitizers. Then proves the heap
# in programs built in every way that it is to work in, and in some in which it must refuse.
# usage: test-layers.sh [release|thread|address|proof …]    all, where none is named
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
  printf '\n== heap and tracking, %s\n' "$1"
  shift
  # What passed is not worth a line; the status is that of the tests.
  swift test --package-path "$folder" -j "${JOBS:-2}" "$@" 2>&1 |
    { grep -vE '^(◇|↳)|✔ Test "|^\[|Compiling|Build|^Test Suite|Executed 0 tests' || true; }
}

for way in "${@:-release thread address proof}"; do
  for name in $way; do
    case $name in
      release) run optimised -c release -Xswiftc -enable-testing ;;
      thread) run "under ThreadSanitizer" --sanitize thread ;;
      address) run "under AddressSanitizer" --sanitize address ;;
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
