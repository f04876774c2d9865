import Glibc
import SoftPMTesting

/// libFuzzer's own loop. Its `main` is not linked, because the package manager names ours.
@_silgen_name("LLVMFuzzerRunDriver")
private func runDriver(
  _ argumentCount: UnsafeMutablePointer<Int32>,
  _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>,
  _ body: @convention(c) (UnsafePointer<UInt8>?, Int) -> Int32
) -> Int32

nonisolated(unsafe) private var target = StoreFuzz.open

/// Runs a target with the program's arguments; a problem ends the process, which libFuzzer notes.
package func fuzz(_ chosen: StoreFuzz) -> Never {
  target = chosen
  var count = CommandLine.argc
  var arguments = CommandLine.unsafeArgv
  let status = withUnsafeMutablePointer(to: &arguments) { pointer in
    runDriver(&count, pointer) { bytes, byteCount in
      let input = [UInt8](UnsafeBufferPointer(start: bytes, count: byteCount))
      if let problem = target.problem(input) { fatalError(problem) }
      return 0
    }
  }
  exit(status)
}
