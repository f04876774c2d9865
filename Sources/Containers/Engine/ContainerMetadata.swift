import SoftPMBase
import SoftPMTypes

/// What a version records besides its chunks: where home is, where the root lies, the hash seeds
/// under which its tables were built, its attributes.
///
/// ```
/// SIZE   MEANING                                    DEFENDS AGAINST
/// 4      form of this record, now 1                 a newer library's fields
/// 8      home: the arena's recorded base            references read at the wrong base
/// 8      address space in bytes                     a reservation that does not fit
/// 8      home address of the root box               a wrong root
/// 8      bytes of the type table                    a table cut short
/// 17     hash seeds                                 look-ups that silently miss
/// …      attributes: three tagged values            settings lost at a restart
/// …      exclusions, length-prefixed                 excluded fields coming back
/// ```
struct ContainerMetadata: Equatable {
  var home: ArenaAddress
  var addressSpace: ByteCount
  var root: ArenaAddress
  var typeTableBytes: Int
  var seeds: StoredSeeds
  var attributes: ContainerAttributes
  var exclusions: ExclusionSet

  private static let form: UInt32 = 1

  func encoded() -> [UInt8] {
    var writer = ByteWriter(capacity: 128)
    writer.integer(Self.form)
    writer.integer(home.rawValue)
    writer.integer(UInt64(addressSpace.rawValue))
    writer.integer(root.rawValue)
    writer.integer(UInt64(typeTableBytes))
    seeds.encode(into: &writer)
    attributes.encode(into: &writer)
    exclusions.encode(into: &writer)
    return writer.bytes
  }

  init(
    home: ArenaAddress, addressSpace: ByteCount, root: ArenaAddress, typeTableBytes: Int,
    seeds: StoredSeeds, attributes: ContainerAttributes, exclusions: ExclusionSet
  ) {
    self.home = home
    self.addressSpace = addressSpace
    self.root = root
    self.typeTableBytes = typeTableBytes
    self.seeds = seeds
    self.attributes = attributes
    self.exclusions = exclusions
  }

  init(decoding bytes: [UInt8], chunkSize: Int) throws(ContainerError) {
    let decoded = bytes.withUnsafeBytes { raw in
      Result { () throws(ContainerError) in try Self(reading: raw, chunkSize: chunkSize) }
    }
    self = try decoded.get()
  }

  private init(reading raw: UnsafeRawBufferPointer, chunkSize: Int) throws(ContainerError) {
    var reader = ByteReader(raw, of: "a version's metadata")
    let form = try reader.integer(UInt32.self)
    guard form == Self.form else {
      throw ContainerError(
        code: .newerFormat,
        message: "The container's records have form \(form); this library reads \(Self.form). "
          + "Open the store with the newer library that wrote it.")
    }
    home = ArenaAddress(try reader.integer())
    addressSpace = ByteCount(Int(truncatingIfNeeded: try reader.integer(UInt64.self)))
    root = ArenaAddress(try reader.integer())
    let typeTableBytes = try reader.integer(UInt64.self)
    guard addressSpace.rawValue >= Limits.addressSpaceLeast,
      addressSpace.rawValue <= Limits.addressSpaceMost,
      addressSpace.rawValue % chunkSize == 0,
      home.rawValue % UInt64(chunkSize) == 0, home.rawValue < 1 << 47,
      typeTableBytes < Limits.typeTableBytes
    else { throw reader.invalid("a home within the address space", at: 0) }
    self.typeTableBytes = Int(typeTableBytes)
    seeds = try StoredSeeds(decoding: &reader)
    attributes = try ContainerAttributes(
      reading: &reader, chunkSize: chunkSize, addressSpace: addressSpace.rawValue)
    exclusions = try ExclusionSet(decoding: &reader)
    try reader.finish()
  }
}

extension ContainerAttributes {
  /// The attributes that can change; the fixed ones have places of their own.
  func encode(into writer: inout ByteWriter) {
    switch autoPersist {
    case .manual: writer.tagged(0, 0)
    case .everyUpdate: writer.tagged(1, 0)
    case .every(let interval): writer.tagged(2, interval.wholeNanoseconds)
    }
    switch retention {
    case .all: writer.tagged(0, 0)
    case .latest(let count): writer.tagged(1, Int64(count))
    case .since(let age): writer.tagged(2, age.wholeNanoseconds)
    }
    switch tracking {
    case .automatic: writer.tagged(0, 0)
    case .kernel: writer.tagged(1, 0)
    case .signal: writer.tagged(2, 0)
    }
  }

  init(
    reading reader: inout ByteReader, chunkSize: Int, addressSpace: Int
  ) throws(ContainerError) {
    self.init()
    self.chunkSize = chunkSize
    self.addressSpace = addressSpace
    let (persistTag, interval) = try reader.tagged()
    switch persistTag {
    case 0: autoPersist = .manual
    case 1: autoPersist = .everyUpdate
    case 2 where interval > 0: autoPersist = .every(.nanoseconds(interval))
    default: throw reader.invalid("a way to persist on its own")
    }
    let (retentionTag, amount) = try reader.tagged()
    switch retentionTag {
    case 0: retention = .all
    case 1 where amount > 0: retention = .latest(Int(amount))
    case 2 where amount >= 0: retention = .since(.nanoseconds(amount))
    default: throw reader.invalid("a retention")
    }
    let (trackingTag, _) = try reader.tagged()
    switch trackingTag {
    case 0: tracking = .automatic
    case 1: tracking = .kernel
    case 2: tracking = .signal
    default: throw reader.invalid("a way to track writes")
    }
  }
}

extension ByteWriter {
  fileprivate mutating func tagged(_ tag: UInt8, _ value: Int64) {
    integer(tag)
    integer(value)
  }
}

extension ByteReader {
  fileprivate mutating func tagged() throws(ContainerError) -> (UInt8, Int64) {
    let tag = try integer(UInt8.self)
    return (tag, try integer(Int64.self))
  }
}

extension Duration {
  /// Nanoseconds, held to what 64 bits can say: three centuries.
  var wholeNanoseconds: Int64 {
    let (seconds, attoseconds) = components
    let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
    guard !overflow else { return seconds < 0 ? .min : .max }
    let (sum, carried) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
    return carried ? (seconds < 0 ? .min : .max) : sum
  }
}
