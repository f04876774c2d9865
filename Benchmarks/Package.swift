// swift-tools-version: 6.1
// Measurements, apart from the library so that its users never build them.

import PackageDescription

let package = Package(
  name: "softpm-benchmarks",
  dependencies: [.package(name: "softpm", path: "..")],
  targets: [
    .executableTarget(
      name: "softpm-bench",
      dependencies: [
        .product(name: "Containers", package: "softpm"),
        .product(name: "SoftPMBenchmarking", package: "softpm"), "HeapWorkloads", "CSQLite",
        "CLMDB", "CPeers",
      ]),
    // Five structures that survive, each written twice: their lines are counted.
    .executableTarget(
      name: "softpm-effort", dependencies: [.product(name: "Containers", package: "softpm")]),
    // The heap's workloads in a program that has glibc's malloc: it must not link the library.
    .executableTarget(name: "softpm-bench-glibc", dependencies: ["HeapWorkloads"]),
    .target(name: "HeapWorkloads"),
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    // What Swift cannot call of the peers: macros of libpmemobj, fork.
    .target(
      name: "CPeers",
      linkerSettings: [.linkedLibrary("pmemobj"), .linkedLibrary("pmem")]),
    .systemLibrary(name: "CLMDB", pkgConfig: "lmdb", providers: [.apt(["liblmdb-dev"])]),
  ],
  swiftLanguageModes: [.v6]
)
