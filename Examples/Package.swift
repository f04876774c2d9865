// swift-tools-version: 6.1
// Programs that use the library as anyone would: nothing but the product `Containers`.

import PackageDescription

let containers: Target.Dependency = .product(name: "Containers", package: "softpm")

let package = Package(
  name: "softpm-examples",
  dependencies: [.package(name: "softpm", path: "..")],
  targets: [
    .executableTarget(name: "phonebook", dependencies: [containers]),
    .executableTarget(name: "undo", dependencies: [containers]),
    .executableTarget(name: "futures", dependencies: [containers]),
  ],
  swiftLanguageModes: [.v6]
)
