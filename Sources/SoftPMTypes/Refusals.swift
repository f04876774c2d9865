import SoftPMBase

// The kinds of what cannot be persisted, each with its remedy. `docs/types.md` lists them.
extension Refusal {
  static let exclusion = "exclude it from persistence"

  static func function(_ type: Metadata) -> Refusal {
    Refusal(
      "A function value (\(displayName(type))) is code of this process and cannot be persisted.",
      remedy: "Make the property optional and \(exclusion), and set it again after restoring.")
  }

  static func pointer(_ type: Metadata) -> Refusal {
    Refusal(
      "A raw pointer says neither what it points to nor how much, so it cannot be persisted.",
      remedy:
        "Keep the data in an Array, describe the memory by conforming to PersistentLayout, or "
        + "make the property optional and \(exclusion).")
  }

  static func literal(_ type: Metadata) -> Refusal {
    let instead = type.type == StaticString.self ? "String" : "number"
    return Refusal(
      "A \(displayName(type)) is the address of a literal in this program, and cannot be persisted.",
      remedy: "Make the property a \(instead), or make it optional and \(exclusion).")
  }

  static func noncopyable(_ type: Metadata) -> Refusal {
    Refusal(
      "\(displayName(type)) is noncopyable, and its content is not visible to reflection.",
      remedy: "Keep the state in a copyable type.")
  }

  static func hidden(_ field: String, in owner: Metadata) -> Refusal {
    Refusal(
      "The type of `\(field)` in \(displayName(owner)) is not visible to reflection: it is "
        + "noncopyable, such as Mutex or Atomic.",
      remedy: "Describe a Mutex or an Atomic by conforming to PersistentLayout; keep other state "
        + "in a copyable property.")
  }

  static func unresolved(_ field: String, in owner: Metadata) -> Refusal {
    Refusal(
      "The type of `\(field)` in \(displayName(owner)) cannot be found in this process.",
      remedy: "Use a type that this program, or a library it loads, declares.")
  }

  static func stripped(_ type: Metadata) -> Refusal {
    Refusal(
      "The module of \(displayName(type)) was built without reflection metadata.",
      remedy: "Build it without -disable-reflection-metadata.")
  }

  static func opaque(_ type: Metadata) -> Refusal {
    Refusal(
      "\(displayName(type)) has storage that reflection does not show.",
      remedy: "Keep the state in a Swift struct, or make the property optional and \(exclusion).")
  }

  static func paddedC(_ type: Metadata) -> Refusal {
    Refusal(
      "The C struct \(displayName(type)) has bytes that reflection does not show: bit-fields, or "
        + "padding, which look the same.",
      remedy: "Keep the state in a Swift struct, or make the property optional and \(exclusion).")
  }

  static func unknown(_ type: Metadata) -> Refusal {
    Refusal(
      "Values of type \(displayName(type)) cannot be persisted.",
      remedy: "Use another type, or make the property optional and \(exclusion).")
  }

  static func missized(_ type: Metadata) -> Refusal {
    Refusal(
      "Swift's own metadata of \(displayName(type)) says a wrong size.",
      remedy: "Use an existential of one protocol, or a class of your own that holds the value.")
  }

  static func systemType(_ type: Metadata) -> Refusal {
    Refusal(
      "\(displayName(type)) is a type of the system's libraries whose content this version "
        + "cannot persist.",
      remedy: "Store what it stands for (a String, Data, a struct of your own), or make the "
        + "property optional and \(exclusion).")
  }

  static func keyPath(_ type: Metadata) -> Refusal {
    Refusal(
      "A key path (\(displayName(type))) is code of this process and cannot be persisted.",
      remedy: "Store a name for it, or make the property optional and \(exclusion).")
  }

  static func tailAllocated(_ type: Metadata) -> Refusal {
    Refusal(
      "\(displayName(type)) is a ManagedBuffer: reflection does not show its elements.",
      remedy: "Describe them: extend the class to conform to PersistentLayout. Or use an Array, "
        + "or make the property optional and \(exclusion).")
  }

  static func misdescribed(_ type: Metadata, _ mistake: String) -> Refusal {
    Refusal(
      "The `hiddenStorage` of \(displayName(type)) cannot be followed: \(mistake).",
      remedy: "Correct the description; `PersistentLayout` says what it may hold.")
  }

  static func running(_ type: Metadata) -> Refusal {
    Refusal(
      "A \(displayName(type)) belongs to running code and cannot be persisted.",
      remedy: "Make the property optional and \(exclusion), and begin anew after restoring.")
  }

  static let task = Refusal(
    "A running task cannot be persisted.",
    remedy: "Keep what it works on, and start it again after restoring.")

  static let context = Refusal(
    "A captured variable or a closure's context cannot be persisted.",
    remedy: "Keep the state in a class.")

  static let unfoundReference = Refusal(
    code: .concurrentMutation,
    "This reference was not there when the container's members were found.",
    remedy: "Change the graph only inside `update`, or not while a point is made.")

  static func badHeader(_ kind: Int) -> Refusal {
    Refusal(
      "This object is of a kind that is not known (0x\(String(kind, radix: 16))).",
      remedy: "Make the property optional and \(exclusion).")
  }
}
