// A hash table.

import Containers

final class Table: Subject {
  final class Person {
    var age: Int
    var town: String
    init(_ age: Int, _ town: String) {
      self.age = age
      self.town = town
    }
  }
  var people: [String: Person] = [:]

  func build(_ count: Int) {
    for number in 0..<count {
      people["person number \(number)"] = Person(number % 90, "town \(number % 11)")
    }
  }
  func change() {
    people["person number 17"]?.age += 1
    people["person number 18"] = nil
    people["a late comer"] = Person(1, "nowhere")
  }
  var contents: Contents {
    var contents = Contents()
    for (name, person) in people.sorted(by: { $0.key < $1.key }) {
      contents.add(name)
      contents.add(person.age)
      contents.add(person.town)
    }
    return contents
  }

  func persist(to path: String) throws {
    // effort begin: table by-hand persist
    var bytes: [UInt8] = []
    func add(_ number: Int) { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    func add(_ text: String) {
      add(text.utf8.count)
      bytes += text.utf8
    }
    for (name, person) in people {
      add(name)
      add(person.age)
      add(person.town)
    }
    try replaceFile(path, with: bytes)
    // effort end
  }

  func restore(from path: String) throws {
    // effort begin: table by-hand restore
    let bytes = try readFile(path)
    var place = 0
    func take(_ count: Int) throws -> ArraySlice<UInt8> {
      guard count >= 0, count <= bytes.count - place else {
        throw FileFailure("\(path) is cut short")
      }
      defer { place += count }
      return bytes[place..<place + count]
    }
    func number() throws -> Int {
      try take(8).withUnsafeBytes { Int(littleEndian: $0.loadUnaligned(as: Int.self)) }
    }
    func text() throws -> String {
      guard let text = String(validating: try take(try number()), as: UTF8.self) else {
        throw FileFailure("\(path) holds no UTF-8")
      }
      return text
    }
    people = [:]
    while place < bytes.count {
      let name = try text()
      people[name] = Person(try number(), try text())
    }
    // effort end
  }

  static func withContainer(_ work: (Table) -> Void) throws {
    var table = Table()
    // effort begin: table containers restore
    let id = try pCRestore("table", &table) ?? pCAlloc("table", table)
    // effort end
    for _ in 0..<2 {
      work(table)
      // effort begin: table containers persist
      try pPointSync(id)
      // effort end
    }
  }
}
