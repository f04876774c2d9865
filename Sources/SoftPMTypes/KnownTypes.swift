import CSoftPMRuntime
import SoftPMBase

/// Standard types whose storage this library knows, and modules whose types it does not.
enum KnownTypes {
  /// The layout of a struct that is not read field by field; nil for all others.
  static func layout(
    of metadata: Metadata, _ descriptor: TypeDescriptor, _ catalog: TypeCatalog
  ) -> ValueLayout? {
    switch descriptor.module {
    case "Swift": standardLayout(of: metadata, descriptor, catalog)
    case "Observation":
      descriptor.name == "ObservationRegistrar"
        ? ValueLayout(metadata, form: RegistrarForm()) : nil
    case "_StringProcessing", "_RegexParser", "RegexBuilder":
      ValueLayout(metadata, form: RefusedForm(.systemType(metadata)))
    case "__C":
      lockNames.contains(where: descriptor.name.hasPrefix)
        ? ValueLayout(metadata, form: RefusedForm(.systemType(metadata))) : nil
    default: nil
    }
  }

  private static let lockNames = ["pthread_", "sem_t", "__pthread", "_IO_FILE", "jmp_buf"]

  private static func standardLayout(
    of metadata: Metadata, _ descriptor: TypeDescriptor, _ catalog: TypeCatalog
  ) -> ValueLayout? {
    // `Dictionary.Keys` and its like hold the table's one stored property.
    let isVariant = descriptor.name == "_Variant"
    let name = isVariant ? descriptor.parent?.name ?? "" : descriptor.name
    switch name {
    case "Bool": return ValueLayout(metadata, form: BoolForm())
    case "String": return ValueLayout(metadata, form: StringForm(catalog: catalog))
    case "Substring": return ValueLayout(metadata, form: SubstringForm(catalog: catalog))
    case "Scalar" where metadata.type is Unicode.Scalar.Type:
      return ValueLayout(metadata, form: ScalarForm())
    case "Array", "ContiguousArray":
      return metadata.genericArgument(0).map {
        ValueLayout(metadata, form: ArrayForm(element: $0, catalog: catalog))
      }
    case "ArraySlice":
      return metadata.genericArgument(0).map {
        ValueLayout(metadata, form: ArraySliceForm(element: $0, catalog: catalog))
      }
    case "Dictionary", "Set":
      return ValueLayout(
        metadata,
        form: TableForm(metadata, isDictionary: name == "Dictionary", catalog: catalog))
    case "InlineArray":
      return metadata.genericArgument(1).map {
        LayoutCompiler(catalog: catalog).compileFixedArray(
          metadata, count: metadata.genericInteger(0), element: $0)
      }
    case "ObjectIdentifier":
      return ValueLayout(metadata, form: ObjectIdentifierForm(catalog: catalog))
    case "StaticString", "StaticBigInt":
      return ValueLayout(metadata, form: RefusedForm(.literal(metadata)))
    // (Types of concurrency call themselves `Swift` too.)
    case "CheckedContinuation", "UnsafeContinuation", "AsyncStream", "AsyncThrowingStream":
      return ValueLayout(metadata, form: RefusedForm(.running(metadata)))
    case "Continuation" where descriptor.parent?.name.hasPrefix("Async") ?? false:
      return ValueLayout(metadata, form: RefusedForm(.running(metadata)))
    case "SIMD3":
      // Four lanes of which the fourth is padding.
      return metadata.genericArgument(0).map {
        ValueLayout(
          plain: metadata, runs: [ValueLayout.Run(offset: 0, count: 3 * $0.size)])
      }
    default: return nil
    }
  }

  /// Modules of the toolchain; internals of their types are not shown in paths.
  static func isSystemModule(_ module: String) -> Bool {
    module == "Swift" || restrictedModules.contains(module)
  }

  /// Modules whose classes are backed by locks, C objects or code.
  private static let restrictedModules: Set<String> = [
    "Foundation", "FoundationEssentials", "FoundationInternationalization",
    "FoundationNetworking", "FoundationXML", "CoreFoundation", "_FoundationICU",
    "_Concurrency", "Dispatch", "Synchronization", "Observation", "_StringProcessing",
    "_RegexParser", "RegexBuilder", "Distributed", "Glibc", "__C",
  ]

  /// Classes of those modules that are ordinary objects.
  private static let plainClasses: Set<String> = [
    "RangeReference", "_SwiftURL", "URLParseInfo",
  ]

  /// Why instances of a class cannot be persisted; nil where they can.
  static func refusal(ofClass metadata: Metadata, _ descriptor: TypeDescriptor) -> Refusal? {
    let module = descriptor.module
    if module == "Swift" {
      if descriptor.name.hasSuffix("KeyPath") { return .keyPath(metadata) }
      return plainStandardClasses.contains(descriptor.name) ? nil : .systemType(metadata)
    }
    if restrictedModules.contains(module), !plainClasses.contains(descriptor.name),
      DescribedTypes.description(of: descriptor) == nil
    {
      return .systemType(metadata)
    }
    return nil
  }

  /// Standard classes that are ordinary objects. All others are recognised before, or have storage
  /// behind their fields: those of concurrency call themselves `Swift` too.
  private static let plainStandardClasses: Set<String> = [
    "_IndexBox", "_AnyIteratorBoxBase", "_IteratorBox", "_AnySequenceBox", "_SequenceBox",
    "_AnyCollectionBox", "_CollectionBox", "_AnyBidirectionalCollectionBox",
    "_BidirectionalCollectionBox", "_AnyRandomAccessCollectionBox", "_RandomAccessCollectionBox",
  ]
}
