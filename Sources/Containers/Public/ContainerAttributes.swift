/// What can be set for a container. Stored with its next point and restored when it is opened.
public struct ContainerAttributes: Sendable, Hashable {
  /// When points are made without being asked for.
  public enum AutoPersist: Sendable, Hashable {
    case manual
    /// After every `update`, before it returns.
    case everyUpdate
    /// As often as this, if anything changed. Mutate only inside `update` then.
    case every(Duration)
  }

  /// Which old versions are kept. Labelled versions, bases of branches and versions under an
  /// open snapshot are kept whatever is set here.
  public enum Retention: Sendable, Hashable {
    case all
    case latest(Int)
    case since(Duration)
  }

  /// How writes are noticed.
  public enum WriteTracking: Sendable, Hashable {
    /// `kernel` where it works, else `signal`.
    case automatic
    /// userfaultfd in asynchronous mode (Linux 6.7 and later).
    case kernel
    /// Write protection and a SIGSEGV handler.
    case signal
  }

  public var autoPersist: AutoPersist = .manual
  public var retention: Retention = .latest(64)
  public var tracking: WriteTracking = .automatic
  /// The unit of storage in bytes: a power of two from 4 KiB to 1 MiB. Fixed at creation.
  public var chunkSize: Int = 16 << 10
  /// How many bytes of addresses the container may use in all. Fixed at creation. Reserving
  /// addresses costs no memory.
  public var addressSpace: Int = 4 << 30

  public init() {}
}

/// One attribute with its value, for `pCSetAttr`.
public enum ContainerAttribute: Sendable, Hashable {
  case autoPersist(ContainerAttributes.AutoPersist)
  case retention(ContainerAttributes.Retention)
  case tracking(ContainerAttributes.WriteTracking)
  /// Fixed at creation: `pCSetAttr` throws `.invalidArgument`.
  case chunkSize(Int)
  /// Fixed at creation: `pCSetAttr` throws `.invalidArgument`.
  case addressSpace(Int)
}

extension ContainerAttributes {
  /// Throws `.invalidArgument` where a value is out of its range.
  func validate() throws(ContainerError) {
    func reject(_ message: String) -> ContainerError {
      ContainerError(code: .invalidArgument, message: message)
    }
    guard chunkSize.nonzeroBitCount == 1, chunkSize >= Limits.chunkBytesLeast,
      chunkSize <= Limits.chunkBytesMost
    else {
      throw reject(
        "chunkSize is \(chunkSize); use a power of two from \(Limits.chunkBytesLeast) to "
          + "\(Limits.chunkBytesMost).")
    }
    guard addressSpace >= Limits.addressSpaceLeast, addressSpace <= Limits.addressSpaceMost,
      addressSpace % Limits.chunkBytesMost == 0
    else {
      throw reject(
        "addressSpace is \(addressSpace); use a multiple of \(Limits.chunkBytesMost) from "
          + "\(Limits.addressSpaceLeast) to \(Limits.addressSpaceMost).")
    }
    if case .latest(let count) = retention, count < 1 {
      throw reject("retention .latest(\(count)) would keep nothing; use at least 1.")
    }
    if case .since(let duration) = retention, duration < .zero {
      throw reject("retention .since(\(duration)) is negative; use a duration of at least zero.")
    }
    if case .every(let interval) = autoPersist, interval <= .zero {
      throw reject("autoPersist .every(\(interval)) needs an interval greater than zero.")
    }
  }
}
