#!/usr/bin/env bash
# Builds and runs, in debug and release, a package outside the tree that depends on this one and
# imports `Containers` alone: no flags, no settings.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
probe=$(mktemp -d)
trap 'rm -rf "$probe"' EXIT
mkdir -p "$probe/Sources/Probe"
# The zoo of types, so that optimised code meets all of them too.
cp -r "$root/Tests/Programs/ZooProgram" "$probe/Sources/Zoo"
ln -s "$root" "$probe/softpm"

cat >"$probe/Package.swift" <<'SWIFT'
// swift-tools-version: 6.1
import PackageDescription
let package = Package(
  name: "Probe",
  dependencies: [.package(path: "softpm")],
  targets: [
    .executableTarget(
      name: "Probe", dependencies: [.product(name: "Containers", package: "softpm")]),
    .executableTarget(
      name: "Zoo", dependencies: [.product(name: "Containers", package: "softpm")]),
  ])
SWIFT

cat >"$probe/Sources/Probe/main.swift" <<'SWIFT'
import Containers

final class Entry { var value: Int; var next: Entry?; init(_ v: Int) { value = v } }
final class List { var head: Entry? }

var list = List()
let id = try pCRestore("list", &list) ?? pCAlloc("list", list)
let e = Entry(42); e.next = list.head; list.head = e
try pPointSync(id)

var count = 0
var next = list.head
while let entry = next { count += entry.value == 42 ? 1 : 0; next = entry.next }
print("entries: \(count)")
SWIFT

for configuration in debug release; do
  swift build --quiet --package-path "$probe" -c "$configuration"
  export SOFTPM_STORE="$probe/$configuration.softpm"
  for run in 1 2 3; do
    output=$("$probe/.build/$configuration/Probe")
    if [ "$output" != "entries: $run" ]; then
      echo "error: $configuration, run $run printed \"$output\"" >&2
      exit 1
    fi
  done
  zoo="$probe/.build/$configuration/Zoo"
  for how in make-inside make-before; do
    export SOFTPM_STORE="$probe/$configuration-$how.softpm"
    "$zoo" "$how" >/dev/null
    for day in 1 2 3; do "$zoo" day "$day" >/dev/null; done
    if ! diff <("$zoo" plain 3) <("$zoo" show); then
      echo "error: $configuration, $how: the restored zoo differs from the plain one" >&2
      exit 1
    fi
  done
  echo "consumer probe: $configuration built and ran, the list three times, the zoo ten times"
done

# What an optimised program wrote, one built for debugging reads and changes, and the other way.
for pair in "release debug" "debug release"; do
  read -r writer reader <<<"$pair"
  export SOFTPM_STORE="$probe/$writer-to-$reader.softpm"
  "$probe/.build/$writer/Zoo" make-inside >/dev/null
  for day in 1 2; do "$probe/.build/$reader/Zoo" day "$day" >/dev/null; done
  "$probe/.build/$writer/Zoo" day 3 >/dev/null
  if ! diff <("$probe/.build/$reader/Zoo" plain 3) <("$probe/.build/$reader/Zoo" show); then
    echo "error: the zoo of a $writer build differs when a $reader build goes on with it" >&2
    exit 1
  fi
  echo "consumer probe: a $writer build's store, gone on with by a $reader build"
done
