/// Ends the process because the *program* is wrong, in debug and in release builds alike.
///
/// `precondition` drops its message in release builds; a user who nests an `update` must still
/// be told so. What is wrong with a *file* throws `ContainerError` instead.
func misuse(
  _ message: String, file: StaticString = #fileID, line: UInt = #line
) -> Never {
  fatalError("Containers: " + message, file: file, line: line)
}
