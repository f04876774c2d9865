// swift-tools-version: 6.1
// The store under libFuzzer. `scripts/fuzz.sh` builds and runs it.
//
// The sources are the library's own, compiled once more with coverage and the address sanitizer:
// what fuzzers call is not public.

import PackageDescription

let sanitized: [SwiftSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-parse-as-library"])]
let linked: [LinkerSetting] = [.unsafeFlags(["-sanitize=fuzzer,address", "-use-ld=lld"])]

func fuzzer(_ name: String) -> Target {
  .executableTarget(
    name: name, dependencies: ["LibFuzzer"], swiftSettings: sanitized, linkerSettings: linked)
}

let package = Package(
  name: "softpm-fuzz",
  targets: [
    .systemLibrary(name: "CLibURing", path: "Sources/Library/CLibURing", pkgConfig: "liburing"),
    .systemLibrary(name: "CLibXXHash", path: "Sources/Library/CLibXXHash", pkgConfig: "libxxhash"),
    .target(name: "CSoftPMLinux", path: "Sources/Library/CSoftPMLinux"),
    .target(
      name: "SoftPMBase", dependencies: ["CLibXXHash"], path: "Sources/Library/SoftPMBase",
      swiftSettings: sanitized),
    .target(
      name: "SoftPMStore", dependencies: ["SoftPMBase", "CSoftPMLinux", "CLibURing"],
      path: "Sources/Library/SoftPMStore", swiftSettings: sanitized),
    .target(
      name: "SoftPMTesting", dependencies: ["SoftPMBase", "SoftPMStore"],
      path: "Sources/Library/SoftPMTesting", swiftSettings: sanitized),
    .target(name: "LibFuzzer", dependencies: ["SoftPMTesting"], swiftSettings: sanitized),
    fuzzer("FuzzOpen"), fuzzer("FuzzRecord"), fuzzer("FuzzWorkload"),
  ],
  swiftLanguageModes: [.v6]
)
