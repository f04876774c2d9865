/// The first member of every container: holds the root, which may be of any copyable type.
///
/// Paths skip it: the stored property `value` of this class is what paths call `root`.
final class RootBox<Root> {
  /// The container's lock keeps accesses apart, and traps with a message of its own.
  @exclusivity(unchecked) var value: Root

  init(_ value: Root) {
    self.value = value
  }
}

/// The root as the running update found it, for reads inside that update.
///
/// 1. The body of an update has the root's memory for itself: the compiler may keep a changed root
///    in registers, and what lies in memory meanwhile may be an array that is freed already. So a
///    read inside an update never looks there.
/// 2. Only what can be kept beside it without a cost is: references and trivial values. A second
///    owner of an array would have the update copy it.
/// 3. Set and read by the thread that holds the container's lock alone.
final class FoundRoot<Root>: @unchecked Sendable {
  private let canBeKept =
    Root.self is AnyObject.Type || Root.self == AnyObject.self
    || Root.self is any OptionalObject.Type || _isPOD(Root.self)
  /// An update's body is running.
  private(set) var isInUse = false
  /// Nil also where the root cannot be kept.
  private(set) var root: Root?

  func keep(_ root: @autoclosure () -> Root) {
    isInUse = true
    if canBeKept { self.root = root() }
  }

  /// What the update replaced may go here, and its `deinit` read the container.
  func letGo() {
    isInUse = false
    if canBeKept { root = nil }
  }
}

private protocol OptionalObject {}
extension Optional: OptionalObject where Wrapped: AnyObject {}
