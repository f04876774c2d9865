// Keeps described types in a container until it is killed; restores, checks and goes on.
//
//   TypesDeque write   prints a line per durable round, for ever
//   TypesDeque read    restores twice, at home and elsewhere, checks both, goes on

import Containers
import Glibc

final class Letter {
  let number: Int
  let text: String
  init(_ number: Int) {
    self.number = number
    text = "letter \(number), which is long enough"
  }
}

final class Post {
  var letters = Deque<Letter>()
  var last: Letter?
  let samples = Samples()
  let journal = Journal()
  var round = 0

  func nextRound() {
    round += 1
    for _ in 0..<3 {
      let letter = Letter((last?.number ?? 0) + 1)
      letters.append(letter)
      last = letter
    }
    if round % 3 == 0 { for _ in 0..<5 { _ = letters.popFirst() } }
    samples.append(Double(round))
    journal.write("round \(round) is done, in words")
  }

  /// What does not fit together.
  var problems: [String] {
    var problems: [String] = []
    func check(_ what: String, _ holds: Bool) {
      if !holds { problems.append(what) }
    }
    check("letters", letters.count == 3 * round - round / 3 * 5)
    for index in 0..<letters.count {
      let letter = letters[index]
      check("letter", letter.number == 3 * round - letters.count + 1 + index)
      check("text", letter.text == "letter \(letter.number), which is long enough")
    }
    check("last", letters.count == 0 || letters[letters.count - 1] === last)
    check("samples", samples.count == round && samples.sum == Double(round * (round + 1) / 2))
    check("journal", journal.count == round && journal.all.count == round)
    check("lines", journal.all.last == (round == 0 ? nil : "round \(round) is done, in words"))
    return problems
  }
}

/// At once, without a buffer that would die with the process.
func say(_ line: String) {
  let bytes = Array("\(line)\n".utf8)
  _ = Glibc.write(1, bytes, bytes.count)
}

func run() throws {
  let post = try Store.default.container("post", initial: Post())
  if CommandLine.arguments.last == "write" {
    while true {
      post.update { $0.nextRound() }
      try post.persistAndWait()
      say("round \(post.root.round)")
    }
  }
  var problems = post.read { $0.problems }
  let version = try post.persistAndWait()
  let copy = try post.snapshot(version)
  problems += copy.read { $0.problems }.map { "\($0), elsewhere" }
  if copy.root === post.root { problems.append("the same objects twice") }
  for _ in 0..<7 { post.update { $0.nextRound() } }
  problems += post.read { $0.problems }.map { "\($0), after use" }
  copy.close()
  try post.persistAndWait()
  print(problems.isEmpty ? "fine at round \(post.root.round)" : problems.joined(separator: "; "))
}

do {
  try run()
} catch {
  print(error)
  exit(1)
}
