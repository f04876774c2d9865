/// What went wrong, where, and what to do about it: the one error type of the library.
///
/// ```swift
/// do {
///   try notebook.persistAndWait()
/// } catch let error as ContainerError where error.code == .unsupportedType {
///   print(error.path ?? "", error.message)   // root.handlers["a"][1].onOpen  …
/// }
/// ```
///
/// A bad file, disk or request throws; a mistake of the program (an `update` inside an `update`,
/// a closed container) traps, because going on would mean going on with wrong data.
public struct ContainerError: Error, Sendable {
  /// The kind of failure; compare with `==`.
  public var code: Code
  /// What happened and what to do, in sentences.
  public var message: String
  /// The path from the root to the field concerned, as Swift would write it, or the path of the
  /// file; nil where neither applies.
  public var path: String?
  /// For `.corrupt`: where in the store the damage is, in bytes from its start.
  public var offset: UInt64?
  /// The error that caused this one.
  public var cause: (any Error)?

  public init(
    code: Code, message: String, path: String? = nil, offset: UInt64? = nil,
    cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.path = path
    self.offset = offset
    self.cause = cause
  }
}

extension ContainerError: CustomStringConvertible {
  public var description: String {
    var text = "\(code): "
    if let path { text += "\(path): " }
    text += message
    if let offset { text += " (at byte \(offset))" }
    if let cause { text += " Cause: \(cause)" }
    return text
  }
}

extension ContainerError {
  /// The kinds of failure. Codes may be added; a `switch` over them needs a `default`.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    private enum Kind: String {
      case unsupportedType, typeChanged, typeMissing, notExcludable
      case corrupt, notAStore, newerFormat
      case notFound, storeInUse, noSuchContainer, noSuchVersion, exists
      case readOnly, noSpace, io, addressSpaceExhausted
      case closed, unsupportedPlatform, forked, invalidArgument, concurrentMutation
    }
    private let kind: Kind

    public var description: String { kind.rawValue }

    /// A reachable value cannot be persisted; `path` leads to it, the message has the remedy.
    public static let unsupportedType = Code(kind: .unsupportedType)
    /// A stored type and the program's type of that name differ.
    public static let typeChanged = Code(kind: .typeChanged)
    /// The program has no type of the stored name.
    public static let typeMissing = Code(kind: .typeMissing)
    /// `exclude` was given something other than a stored property of a type that has an empty
    /// value.
    public static let notExcludable = Code(kind: .notExcludable)
    /// The store is damaged; `offset` says where, the message what was expected.
    public static let corrupt = Code(kind: .corrupt)
    /// The file is something other than a store.
    public static let notAStore = Code(kind: .notAStore)
    /// The store was written by a newer version of this library.
    public static let newerFormat = Code(kind: .newerFormat)
    /// The file, or the folder it should be in, does not exist.
    public static let notFound = Code(kind: .notFound)
    /// Another process, or this one, has the store open for writing.
    public static let storeInUse = Code(kind: .storeInUse)
    /// The store has no container of that name.
    public static let noSuchContainer = Code(kind: .noSuchContainer)
    /// The container has no version of that number.
    public static let noSuchVersion = Code(kind: .noSuchVersion)
    /// The store already has a container of that name.
    public static let exists = Code(kind: .exists)
    /// The store was opened read-only, or its file may not be written.
    public static let readOnly = Code(kind: .readOnly)
    /// The file system, or the block device, is full. Earlier versions are intact.
    public static let noSpace = Code(kind: .noSpace)
    /// The operating system refused or failed a read or write.
    public static let io = Code(kind: .io)
    /// The container's reserved address range is used up.
    public static let addressSpaceExhausted = Code(kind: .addressSpaceExhausted)
    /// The container or store has been closed.
    public static let closed = Code(kind: .closed)
    /// The platform, the Swift runtime or the way the program was linked is not supported.
    public static let unsupportedPlatform = Code(kind: .unsupportedPlatform)
    /// The call was made in a process forked after the store was opened.
    public static let forked = Code(kind: .forked)
    /// An argument is out of its range.
    public static let invalidArgument = Code(kind: .invalidArgument)
    /// The container was changed outside `update` while a point was made.
    public static let concurrentMutation = Code(kind: .concurrentMutation)
  }
}
