// swift-tools-version: 6.1
// The layers of ARCHITECTURE.md, one target each; dependencies point down only.

import PackageDescription

// The system libraries whose use a consumer may turn off; everything else is needed.
let withLibSigSegv: Target.Dependency = .target(
  name: "CLibSigSegv", condition: .when(platforms: [.linux], traits: ["LibSigSegv"]))
let withLibPMem: Target.Dependency = .target(
  name: "CLibPMem", condition: .when(platforms: [.linux], traits: ["LibPMem"]))

let package = Package(
  name: "softpm",
  products: [
    .library(name: "Containers", targets: ["Containers"]),
    .executable(name: "softpm", targets: ["softpm"]),
    // The layers as the benchmarks see them, which are a package of their own; not for others.
    .library(name: "SoftPMBenchmarking", targets: ["SoftPMBenchmarking"]),
  ],
  traits: [
    .default(enabledTraits: ["LibSigSegv", "LibPMem"]),
    .trait(
      name: "LibSigSegv",
      description: "Dispatch write faults through libsigsegv (GPL-2-or-later)."),
    .trait(
      name: "LibPMem",
      description: "Write to persistent memory through libpmem (BSD-3-Clause)."),
  ],
  targets: [
    // MARK: System libraries
    .systemLibrary(
      name: "CLibURing", pkgConfig: "liburing", providers: [.apt(["liburing-dev"])]),
    .systemLibrary(name: "CLibPMem", pkgConfig: "libpmem", providers: [.apt(["libpmem-dev"])]),
    .systemLibrary(name: "CLibSigSegv", providers: [.apt(["libsigsegv-dev"])]),
    .systemLibrary(
      name: "CLibXXHash", pkgConfig: "libxxhash", providers: [.apt(["libxxhash-dev"])]),

    // MARK: C, for what Swift cannot say
    .target(name: "CSoftPMLinux"),
    .target(name: "CSoftPMHeap"),
    .target(
      name: "CSoftPMFault",
      dependencies: [withLibSigSegv],
      cSettings: [.define("SOFTPM_LIBSIGSEGV", .when(traits: ["LibSigSegv"]))],
      linkerSettings: [
        .linkedLibrary("sigsegv", .when(platforms: [.linux], traits: ["LibSigSegv"]))
      ]),
    .target(name: "CSoftPMRuntime"),

    // MARK: The layers
    .target(name: "SoftPMBase", dependencies: ["CLibXXHash"]),
    .target(
      name: "SoftPMStore",
      dependencies: ["SoftPMBase", "CSoftPMLinux", "CLibURing", withLibPMem]),
    .target(name: "SoftPMHeap", dependencies: ["SoftPMBase", "CSoftPMHeap"]),
    .target(
      name: "SoftPMTracking", dependencies: ["SoftPMBase", "CSoftPMLinux", "CSoftPMFault"]),
    .target(name: "SoftPMTypes", dependencies: ["SoftPMBase", "CSoftPMRuntime"]),
    .target(
      name: "Containers",
      dependencies: [
        "SoftPMBase", "SoftPMStore", "SoftPMHeap", "SoftPMTracking", "SoftPMTypes", "CSoftPMHeap",
      ]),
    .executableTarget(name: "softpm", dependencies: ["Containers"]),
    .target(name: "SoftPMTesting", dependencies: ["SoftPMBase", "SoftPMStore"]),
    .target(
      name: "SoftPMBenchmarking",
      dependencies: [
        "SoftPMBase", "SoftPMStore", "SoftPMHeap", "SoftPMTracking", "SoftPMTypes",
        "CSoftPMLinux", "CTrackingProbe",
      ]),

    .plugin(
      name: "DocumentationPlugin",
      capability: .command(
        intent: .custom(verb: "docs", description: "Build the reference of Containers."),
        permissions: [
          .writeToPackageDirectory(reason: "The reference is written to docs/reference.")
        ])),

    // MARK: Programs that tests run, some of them in release builds only
    .executableTarget(
      name: "store-crash-states", dependencies: ["SoftPMStore", "SoftPMTesting"],
      path: "Tests/Programs/StoreCrashStates"),

    // MARK: Tests
    .testTarget(name: "SoftPMBaseTests", dependencies: ["SoftPMBase"]),
    .executableTarget(
      name: "StoreProgram",
      dependencies: ["SoftPMBase", "SoftPMStore", "SoftPMTesting", "CTrackingProbe"],
      path: "Tests/Programs/StoreProgram"),
    .testTarget(
      name: "SoftPMStoreTests", dependencies: ["SoftPMStore", "SoftPMTesting", "StoreProgram"]),
    .testTarget(name: "SoftPMHeapTests", dependencies: ["SoftPMHeap", "SoftPMTesting"]),
    .testTarget(
      name: "SoftPMTrackingTests",
      dependencies: ["SoftPMTracking", "SoftPMTesting", "CTrackingProbe"]),
    .target(name: "CTrackingProbe", path: "Tests/Programs/CTrackingProbe"),
    .executableTarget(
      name: "TrackingProgram", dependencies: ["SoftPMTracking", "CTrackingProbe"],
      path: "Tests/Programs/TrackingProgram"),
    .testTarget(
      name: "SoftPMTypesTests",
      dependencies: [
        "SoftPMTypes", "SoftPMTesting", "TypesZoo", "TypesOracle", "TypesWriter", "TypesReader",
        "TypesDeque", "CTypesProbe",
      ]),
    .target(name: "CTypesProbe", path: "Tests/Programs/CTypesProbe"),
    .target(name: "CRetainRecorder", path: "Tests/Programs/CRetainRecorder"),
    .executableTarget(
      name: "TypesOracle", dependencies: ["SoftPMTypes", "CRetainRecorder", "CSoftPMRuntime"],
      path: "Tests/Programs/TypesOracle"),
    .target(name: "TypesZoo", dependencies: ["SoftPMTypes"], path: "Tests/Programs/TypesZoo"),
    .executableTarget(
      name: "TypesWriter", dependencies: ["TypesZoo"], path: "Tests/Programs/TypesWriter"),
    .executableTarget(
      name: "TypesReader", dependencies: ["TypesZoo"], path: "Tests/Programs/TypesReader"),
    .executableTarget(
      name: "TypesDeque", dependencies: ["Containers"], path: "Tests/Programs/TypesDeque"),
    .testTarget(
      name: "ContainersTests",
      dependencies: [
        "Containers", "SoftPMTesting", "Worlds", "WorldProgram", "ListProgram", "ZooProgram",
        "GenerationsProgram", "ContractProgram", "ForkProgram",
        "ExitProgram", "GoldenStore", "TrackingProgram", "softpm",
      ]),
    .target(name: "Worlds", path: "Tests/Programs/Worlds"),
    .executableTarget(
      name: "WorldProgram", dependencies: ["Containers", "Worlds"],
      path: "Tests/Programs/WorldProgram"),
    .testTarget(name: "TidyTests"),

    // MARK: Programs that tests run as processes of their own
    .executableTarget(
      name: "ListProgram", dependencies: ["Containers"], path: "Tests/Programs/ListProgram"),
    .executableTarget(
      name: "GoldenStore", dependencies: ["Containers"], path: "Tests/Programs/GoldenStore"),
    .executableTarget(
      name: "ExitProgram", dependencies: ["Containers"], path: "Tests/Programs/ExitProgram"),
    .executableTarget(
      name: "GenerationsProgram", dependencies: ["Containers"],
      path: "Tests/Programs/GenerationsProgram"),
    .executableTarget(
      name: "ContractProgram", dependencies: ["Containers"],
      path: "Tests/Programs/ContractProgram"),
    .executableTarget(
      name: "ForkProgram", dependencies: ["Containers"], path: "Tests/Programs/ForkProgram"),
    .executableTarget(
      name: "ZooProgram", dependencies: ["Containers"], path: "Tests/Programs/ZooProgram"),
  ],
  swiftLanguageModes: [.v6]
)
