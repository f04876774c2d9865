// swift-tools-version: 6.1
// Measurements, apart from the library so that its users never build them.

import PackageDescription

let package = Package(
  name: "softpm-benchmarks",
  dependencies: [.package(name: "softpm", path: "..")],
  targets: [
    .executableTarget(
      name: "softpm-bench",
      dependencies: [.product(name: "Containers", package: "softpm")])
  ],
  swiftLanguageModes: [.v6]
)
