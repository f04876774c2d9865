// The error and its codes.

import Containers

func useErrors() {
  let cause = ContainerError(code: .io, message: "The disk is gone.")
  let error = ContainerError(
    code: .corrupt, message: "A chunk is damaged.", path: "a.softpm", offset: 4096, cause: cause)
  use("ContainerError") { isError(error) && isSendable(error) && isText(error) }
  use("ContainerError.init(code:message:path:offset:cause:)") {
    ContainerError(code: .io, message: "").cause == nil
  }
  use("ContainerError.code") {
    let code: ContainerError.Code = error.code
    return code == .corrupt
  }
  use("ContainerError.message") { error.message == "A chunk is damaged." }
  use("ContainerError.path") { error.path == "a.softpm" && cause.path == nil }
  use("ContainerError.offset") { error.offset == 4096 }
  use("ContainerError.cause") {
    let cause: (any Error)? = error.cause
    return (cause as? ContainerError)?.code == .io
  }
  use("ContainerError.description") {
    error.description.contains("A chunk is damaged.") && error.description.contains("a.softpm")
  }
  use("ContainerError.Code") { isHashable(error.code) && isSendable(error.code) }
  use("ContainerError.Code.description") { error.code.description == "corrupt" }
  useCodes()
}

private func useCodes() {
  var known: Set<ContainerError.Code> = []
  func useCode(_ name: String, _ code: ContainerError.Code) {
    use("ContainerError.Code.\(name)") {
      known.insert(code).inserted && code.description == name
    }
  }
  useCode("unsupportedType", .unsupportedType)
  useCode("typeChanged", .typeChanged)
  useCode("typeMissing", .typeMissing)
  useCode("notExcludable", .notExcludable)
  useCode("corrupt", .corrupt)
  useCode("notAStore", .notAStore)
  useCode("newerFormat", .newerFormat)
  useCode("notFound", .notFound)
  useCode("storeInUse", .storeInUse)
  useCode("noSuchContainer", .noSuchContainer)
  useCode("noSuchVersion", .noSuchVersion)
  useCode("exists", .exists)
  useCode("readOnly", .readOnly)
  useCode("noSpace", .noSpace)
  useCode("io", .io)
  useCode("addressSpaceExhausted", .addressSpaceExhausted)
  useCode("closed", .closed)
  useCode("unsupportedPlatform", .unsupportedPlatform)
  useCode("forked", .forked)
  useCode("invalidArgument", .invalidArgument)
  useCode("concurrentMutation", .concurrentMutation)
}
