// Whose types are shown unless all are asked for.

import Containers

extension InspectedType {
  /// The standard library's, the compiler's, and the box of a container's root.
  var isTheLibrarys: Bool {
    ["Swift", "Builtin", "Containers", ""].contains(module)
  }
}
