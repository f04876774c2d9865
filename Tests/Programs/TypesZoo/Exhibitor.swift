import Glibc

/// A library that was made of the exhibits, in whichever way.
package struct Exhibitor {
  private typealias Make = @convention(c) () -> UnsafeMutableRawPointer
  private typealias Check = @convention(c) (UnsafeMutableRawPointer) -> Int
  private let makeRoot: Make
  private let check: Check

  /// The program's own exhibits where the path is empty.
  package init(_ path: String) {
    guard !path.isEmpty else {
      makeRoot = { exhibitionMake() }
      check = { exhibitionCheck($0) }
      return
    }
    guard let library = dlopen(path, RTLD_NOW | RTLD_LOCAL),
      let make = dlsym(library, "exhibition_make"), let check = dlsym(library, "exhibition_check")
    else {
      preconditionFailure("\(path) is no exhibition")
    }
    makeRoot = unsafeBitCast(make, to: Make.self)
    self.check = unsafeBitCast(check, to: Check.self)
  }

  package func make() -> AnyObject {
    Unmanaged<AnyObject>.fromOpaque(makeRoot()).takeRetainedValue()
  }

  /// Their number; they are printed.
  package func problems(of root: AnyObject) -> Int {
    check(Unmanaged.passUnretained(root).toOpaque())
  }
}
