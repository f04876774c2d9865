#!/usr/bin/env bash
# Checks formatting and the rules of .swift-format; TidyTests check what a formatter cannot see.
set -euo pipefail
cd "$(dirname "$0")/.."
folders=()
for folder in Sources Tests Plugins Examples Benchmarks Fuzz; do
  [ -d "$folder" ] && folders+=("$folder")
done
# Build folders of the nested packages hold generated sources that are not ours.
mapfile -d '' files < <(
  find Package.swift "${folders[@]}" -name .build -prune -o -name '*.swift' -print0)
swift format lint --strict --parallel "${files[@]}"
echo "lint: ${#files[@]} files are clean"
