/// The first member of every container: holds the root, which may be of any copyable type.
///
/// Paths skip it: the stored property `value` of this class is what paths call `root`.
final class RootBox<Root> {
  var value: Root

  init(_ value: Root) {
    self.value = value
  }
}
