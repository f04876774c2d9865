import SoftPMTypes

extension StoredTypes {
  /// The descriptions as the public interface has them.
  var all: [InspectedType] {
    descriptions.map { type in
      InspectedType(
        number: type.number, name: type.name, module: type.module, kind: type.kind, size: type.size,
        stride: type.stride,
        fields: type.fields.map {
          InspectedType.Field(
            name: $0.name, type: $0.type, offset: $0.offset, ownership: $0.ownership)
        },
        cases: type.cases.map {
          InspectedType.Case(name: $0.name, payload: $0.payload, isIndirect: $0.isIndirect)
        })
    }
  }
}
