// Which exit code an error has.

import Containers

extension ExitCode {
  init(_ error: any Error) {
    if error is UsageError {
      self = .usage
      return
    }
    guard let error = error as? ContainerError else {
      self = .failure
      return
    }
    switch error.code {
    case .notAStore: self = .notAStore
    case .storeInUse: self = .inUse
    case .typeChanged, .typeMissing: self = .typesDiffer
    case .corrupt: self = .corrupt
    case .newerFormat: self = .newerFormat
    default: self = .failure
    }
  }
}
