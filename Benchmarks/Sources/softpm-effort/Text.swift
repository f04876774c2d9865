// A string.

import Containers

final class Text: Subject {
  var content = ""

  func build(_ count: Int) {
    for number in 0..<count { content += "line \(number): é, 字, and plain\n" }
  }
  func change() { content.append("and one more line\n") }
  var contents: Contents {
    var contents = Contents()
    contents.add(content)
    return contents
  }

  func persist(to path: String) throws {
    // effort begin: string by-hand persist
    try replaceFile(path, with: Array(content.utf8))
    // effort end
  }

  func restore(from path: String) throws {
    // effort begin: string by-hand restore
    guard let text = String(validating: try readFile(path), as: UTF8.self) else {
      throw FileFailure("\(path) holds no UTF-8")
    }
    content = text
    // effort end
  }

  static func withContainer(_ work: (Text) -> Void) throws {
    var text = Text()
    // effort begin: string containers restore
    let id = try pCRestore("text", &text) ?? pCAlloc("text", text)
    // effort end
    for _ in 0..<2 {
      work(text)
      // effort begin: string containers persist
      try pPointSync(id)
      // effort end
    }
  }
}
