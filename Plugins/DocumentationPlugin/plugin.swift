import Foundation
import PackagePlugin

/// `swift package docs`: builds the reference of the module `Containers` into `docs/reference`
/// with the toolchain's own DocC.
///
/// The package manager has no such command itself, and the usual plugin is a package of its own,
/// which this one does without.
@main
struct DocumentationPlugin: CommandPlugin {
  func performCommand(context: PluginContext, arguments: [String]) async throws {
    let package = context.package.directoryURL
    let output = package.appending(path: "docs/reference")
    let catalog = package.appending(path: "Sources/Containers/Containers.docc")
    let graphs = context.pluginWorkDirectoryURL.appending(path: "symbol-graphs")
    try? FileManager.default.removeItem(at: graphs)
    try FileManager.default.createDirectory(at: graphs, withIntermediateDirectories: true)

    for target in ["Containers", "SoftPMBase"] {
      let graph = try packageManager.getSymbolGraph(
        for: try context.package.targets(named: [target])[0],
        options: .init(minimumAccessLevel: .public, includeSynthesized: false))
      let folder = graph.directoryURL
      for file in try FileManager.default.contentsOfDirectory(atPath: folder.path())
      where file.hasSuffix(".symbols.json") {
        let copy = graphs.appending(path: file)
        try? FileManager.default.removeItem(at: copy)
        try FileManager.default.copyItem(at: folder.appending(path: file), to: copy)
      }
    }
    let docc = try context.tool(named: "docc")
    let process = Process()
    process.executableURL = docc.url
    process.arguments = [
      "convert", catalog.path(), "--additional-symbol-graph-dir", graphs.path(),
      "--fallback-display-name", "Containers", "--fallback-bundle-identifier", "softpm.Containers",
      "--transform-for-static-hosting", "--output-path", output.path(),
    ]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      Diagnostics.error("docc ended with status \(process.terminationStatus)")
      return
    }
    print("The reference is in docs/reference; serve that folder over HTTP to read it.")
  }
}
