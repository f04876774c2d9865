import CSoftPMRuntime
import Observation
import SoftPMBase

/// The storage of an actor's executor: left zero in images, which is how a new actor begins.
///
/// Only two of its words are initialised at all times: at 16 the state (bits 0–2 of it are zero
/// when the actor is idle), at 24 the first queued job.
final class ActorForm: FieldForm {
  private let byteCount: Int

  init(byteCount: Int) {
    self.byteCount = byteCount
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard value.load(fromByteOffset: 16, as: UInt32.self) & 7 == 0,
      value.load(fromByteOffset: 24, as: UInt.self) == 0
    else { throw site.refusal(Self.busy, at: slot) }
  }

  /// Anything else than zero would be taken for a state, or for jobs that are queued.
  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard UnsafeRawBufferPointer(start: value, count: byteCount).allSatisfy({ $0 == 0 }) else {
      throw session.damaged("an actor that is idle", at: value)
    }
  }

  private static let busy = Refusal(
    code: .concurrentMutation, "This actor is running or has work queued.",
    remedy: "Make the point when the actor is idle.")
}

/// The registrar of an `@Observable` object: who observes is nothing to keep, so a restored
/// object gets a new one.
final class RegistrarForm: FieldForm {
  override var isVisited: Bool { false }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    image.storeBytes(of: WellKnown.registrar.word(context.home), as: UInt.self)
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    guard value.load(as: UInt.self) == WellKnown.registrar.word(session.home) else {
      throw session.damaged("an observation registrar", at: value)
    }
    value.initializeMemory(as: ObservationRegistrar.self, to: ObservationRegistrar())
  }
}

/// An `ObjectIdentifier`: the address of an object, or of a type's metadata.
///
/// It holds nothing alive, so its object is looked up among the members without being touched.
final class ObjectIdentifierForm: FieldForm {
  private unowned(unsafe) let catalog: TypeCatalog

  init(catalog: TypeCatalog) {
    self.catalog = catalog
  }

  override func visit(
    _ value: UnsafeRawPointer, at slot: Int, in site: Site, _ body: ReferenceVisitor
  ) throws(ContainerError) {
    guard let target = value.load(as: UnsafeRawPointer?.self), catalog.type(at: target) == nil
    else { return }
    try body(Reference(target: target, layout: nil, strength: .unmanaged, slotOffset: slot))
  }

  override func write(
    _ value: UnsafeRawPointer, into image: UnsafeMutableRawPointer, at slot: Int, in site: Site,
    _ context: any ImageContext
  ) throws(ContainerError) {
    guard let target = value.load(as: UnsafeRawPointer?.self) else { return }
    if let type = catalog.type(at: target) {
      image.storeBytes(
        of: try TypeWord.encode(type, at: slot, in: site, context), as: UInt.self)
    } else if let home = context.homeAddress(of: target, layout: nil, strength: .unmanaged) {
      image.storeBytes(of: UInt(home.rawValue), as: UInt.self)
    } else {
      throw site.refusal(Self.outsider, at: slot)
    }
  }

  override func swizzle(
    _ value: UnsafeMutableRawPointer, _ session: RestoreSession
  ) throws(ContainerError) {
    let word = value.load(as: UInt.self)
    if word < UInt(session.home.rawValue) {
      let type = try session.type(word, at: value)
      value.storeBytes(of: type.address, as: UnsafeRawPointer.self)
    } else {
      let target = try session.member(word, .unmanaged, at: value)
      value.storeBytes(of: UInt(bitPattern: target), as: UInt.self)
    }
  }

  private static let outsider = Refusal(
    "This ObjectIdentifier is of an object that the container does not hold.",
    remedy: "Keep the object in the container too, or exclude the property.")
}
