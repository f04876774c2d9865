import CSoftPMRuntime
import Synchronization

/// What a restored object needs of this process: headers, witness tables, a dead object.
enum RuntimeObjects {
  private struct Probe: Error {}

  /// The description of `any Error`, whose box has one witness table.
  static let error = ExistentialDescription(
    witnessCount: 1, isClassBound: false, isError: true, superclass: nil,
    protocols: [softpm_runtime_error_protocol()!])

  /// The header word of all error boxes.
  private static let errorBoxHeader: Metadata = {
    // In an array, as a generic function would open a bare existential.
    let errors: [any Error] = [Probe()]
    return errors.withUnsafeBytes { raw in
      let box = raw.load(as: UnsafeRawPointer.self)
      return Metadata(box.load(as: UnsafeRawPointer.self))
    }
  }()

  private static let boxHeaders = Mutex<[Metadata: Metadata]>([:])

  /// What the first word of a live object must be.
  static func header(of layout: ObjectLayout) -> UnsafeRawPointer {
    guard let key = layout.key else { preconditionFailure("raw bytes have no header") }
    switch key.kind {
    case .type: return key.metadata.address
    case .errorBox: return errorBoxHeader.address
    case .box:
      return boxHeaders.withLock { headers in
        if let known = headers[key.metadata] { return known.address }
        let header = Metadata(softpm_runtime_box_metadata(key.metadata.address)!)
        headers[key.metadata] = header
        return header.address
      }
    }
  }

  static func witnessTable(
    of type: Metadata, for proto: UnsafeRawPointer
  ) -> UnsafeRawPointer? {
    softpm_runtime_conformance(type.address, proto)
  }

  static func formWeakReference(at slot: UnsafeMutableRawPointer, to target: UnsafeRawPointer) {
    softpm_runtime_weak_init(slot, UnsafeMutableRawPointer(mutating: target))
  }

  private final class Dead {}

  /// One object that is dead but whose memory stays, for unowned references out of a container:
  /// reading one traps with Swift's own message.
  private static let deadAddress: UInt = {
    // Retained by hand, as an object that only this function sees may be made on the stack.
    let object = Unmanaged.passRetained(Dead())
    let address = object.toOpaque()
    softpm_runtime_unowned_retain(address)
    object.release()
    return UInt(bitPattern: address)
  }()

  static func retainedTombstone() -> UnsafeRawPointer {
    let address = UnsafeMutableRawPointer(bitPattern: deadAddress)!
    softpm_runtime_unowned_retain(address)
    return UnsafeRawPointer(address)
  }
}
