import Testing

@testable import SoftPMBase

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("ContainerError")
struct ContainerErrorTests {
  @Test("an error says what, where and what to do in one line")
  func description() {
    let error = ContainerError(
      code: .unsupportedType, message: "A closure cannot be persisted; exclude the field.",
      path: "root.onOpen")
    #expect(
      "\(error)"
        == "unsupportedType: root.onOpen: A closure cannot be persisted; exclude the field.")
    let damage = ContainerError.corrupt(at: 4096, expected: "a superblock", found: "zeros")
    #expect("\(damage)".contains("4096"))
    #expect("\(damage)".contains("expected a superblock, but found zeros"))
  }

  @Test(
    "a failed system call has the code that fits its number",
    arguments: [
      (ENOSPC, ContainerError.Code.noSpace), (EDQUOT, .noSpace), (ENOENT, .notFound),
      (EROFS, .readOnly), (EACCES, .readOnly), (EIO, .io), (EINVAL, .io),
    ])
  func systemCodes(_ number: Int32, _ code: ContainerError.Code) {
    let error = ContainerError.system(number, doing: "write", path: "a.softpm")
    #expect(error.code == code)
    #expect(error.message.contains("errno \(number)"))
    #expect(error.path == "a.softpm")
  }

  @Test("codes are told apart by ==, and print as they are written in Swift")
  func codes() {
    #expect(ContainerError.Code.corrupt != .notAStore)
    #expect("\(ContainerError.Code.storeInUse)" == "storeInUse")
  }
}
