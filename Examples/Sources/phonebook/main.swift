// A phone book of plain classes that survives being killed.
//
//   phonebook add NAME NUMBER [--crash]
//   phonebook list
//   phonebook versions

import Containers

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

final class Person {
  let name: String
  var numbers: [String]
  /// Who was entered just before: people form a list through time beside the index by name.
  weak var previous: Person?

  init(_ name: String) {
    self.name = name
    numbers = []
  }
}

final class PhoneBook {
  var people: [String: Person] = [:]
  var newest: Person?

  func add(_ number: String, for name: String) {
    let person = people[name] ?? Person(name)
    person.numbers.append(number)
    if people.updateValue(person, forKey: name) == nil {
      person.previous = newest
      newest = person
    }
  }
}

/// Usage errors end with status 2, like those of other tools.
func usage() -> Never {
  print("usage: phonebook add NAME NUMBER [--crash] | list | versions")
  exit(2)
}

let arguments = Array(CommandLine.arguments.dropFirst())
let book = try Store.default.container("people", initial: PhoneBook())  // restore: 1 line

switch arguments.first {
case "add" where arguments.count >= 3:
  book.update { $0.add(arguments[2], for: arguments[1]) }
  let version = try book.persistAndWait()  // persist: 1 line, 2 with the one above
  print("added \(arguments[1]), durable as version \(version)")
  if arguments.contains("--crash") {
    fflush(nil)
    kill(getpid(), SIGKILL)
  }

case "list":
  book.read { book in
    for person in book.people.values.sorted(by: { $0.name < $1.name }) {
      let after = person.previous.map { ", entered after \($0.name)" } ?? ""
      print("\(person.name): \(person.numbers.joined(separator: ", "))\(after)")
    }
  }

case "versions":
  for version in try book.versions {
    let past = version.objectCount
    print("version \(version.id): \(past) objects, \(version.bytesWritten) bytes written")
  }

default:
  usage()
}
