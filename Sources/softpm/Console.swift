// Where output goes: stdout is data, stderr is talk.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// When something that is for eyes is shown.
enum When: String, CaseIterable, Sendable {
  case always, never, auto
}

struct Console: Sendable {
  let isJSON: Bool
  let usesColor: Bool
  let showsProgress: Bool
  /// Columns of the terminal; nil where stdout is a pipe or file, and lines are never cut.
  let columns: Int?

  init(json: Bool, color: When, progress: When) {
    isJSON = json
    let isTerminal = isatty(STDOUT_FILENO) == 1
    let wantsNone = getenv("NO_COLOR").map { $0.pointee != 0 } ?? false
    let isDumb = getenv("TERM").map { String(cString: $0) == "dumb" } ?? false
    switch color {
    case .always: usesColor = !json
    case .never: usesColor = false
    case .auto: usesColor = isTerminal && !wantsNone && !isDumb && !json
    }
    switch progress {
    case .always: showsProgress = true
    case .never: showsProgress = false
    case .auto: showsProgress = isatty(STDERR_FILENO) == 1
    }
    columns = isTerminal ? Self.terminalColumns() : nil
  }

  private static func terminalColumns() -> Int {
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
    return Int(size.ws_col)
  }

  // MARK: Writing

  enum Style: String, Sendable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case cyan = "36"
  }

  /// A line of data; on a terminal cut to its width, so that it never wraps.
  func line(_ text: String, _ style: Style? = nil) {
    var text = text.contains(where: \.isControl) ? Self.escaped(text) : text
    if let columns, text.count > columns { text = text.prefix(columns - 1) + "…" }
    if let style, usesColor { text = "\u{1b}[\(style.rawValue)m\(text)\u{1b}[0m" }
    Self.write(text + "\n", to: STDOUT_FILENO)
  }

  /// Text of somebody else's must not steer the terminal.
  private static func escaped(_ text: String) -> String {
    String(text.map { $0.isControl ? "\u{fffd}" : $0 })
  }

  /// Data as it is, for machines.
  func raw(_ text: String) { Self.write(text, to: STDOUT_FILENO) }

  func json(_ value: JSON) { Self.write(value.text + "\n", to: STDOUT_FILENO) }

  func say(_ text: String) { Self.write("softpm: \(text)\n", to: STDERR_FILENO) }

  static func write(_ text: String, to descriptor: Int32) {
    var text = text
    text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while !rest.isEmpty {
        #if canImport(Glibc)
          let count = Glibc.write(descriptor, rest.baseAddress, rest.count)
        #else
          let count = Darwin.write(descriptor, rest.baseAddress, rest.count)
        #endif
        if count < 0, errno == EINTR { continue }
        // Whoever was reading has gone, or the disk is full: nobody is left to tell.
        guard count > 0 else { exit(errno == EPIPE ? 0 : ExitCode.failure.rawValue) }
        rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      }
    }
  }

  /// Asks on the terminal; without one the answer is no.
  func confirms(_ question: String) -> Bool {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return false }
    Self.write("\(question) [y/N] ", to: STDERR_FILENO)
    return readLine(strippingNewline: true)?.lowercased().hasPrefix("y") ?? false
  }
}

extension Character {
  fileprivate var isControl: Bool {
    unicodeScalars.contains { $0.value < 0x20 || (0x7f..<0xa0).contains($0.value) }
  }
}

/// A bar on stderr, when the work takes over a second.
struct Progress {
  private let isShown: Bool
  private let began = ContinuousClock.now
  private var drawn = ContinuousClock.now
  private var hasDrawn = false
  private let always: Bool

  init(_ console: Console, always: Bool) {
    isShown = console.showsProgress
    self.always = always
  }

  mutating func show(_ done: Int, of total: Int) {
    guard isShown, total > 0 else { return }
    let now = ContinuousClock.now
    let elapsed = now - began
    guard always || elapsed > .seconds(1),
      !hasDrawn || done == total || now - drawn > .milliseconds(100)
    else {
      return
    }
    drawn = now
    hasDrawn = true
    let fraction = min(1, Double(done) / Double(total))
    let filled = Int(fraction * 24)
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: 24 - filled)
    let seconds = max(
      0.001,
      Double(elapsed.components.seconds)
        + Double(elapsed.components.attoseconds) / 1e18)
    let rate = Double(done) / seconds
    let left = rate > 0 ? Int(Double(total - done) / rate) : 0
    Console.write(
      "\r[\(bar)] \(Int(fraction * 100))% \(Bytes(Int(rate)))/s \(left) s left   ",
      to: STDERR_FILENO)
  }

  /// Takes the bar away.
  func end() {
    if hasDrawn { Console.write("\r\u{1b}[K", to: STDERR_FILENO) }
  }
}

/// A size as people read it.
struct Bytes: CustomStringConvertible {
  let count: Int

  init(_ count: Int) { self.count = count }

  var description: String {
    let units = ["bytes", "KiB", "MiB", "GiB", "TiB"]
    var value = Double(count)
    var unit = 0
    while value >= 1024, unit + 1 < units.count {
      value /= 1024
      unit += 1
    }
    if unit == 0 { return count == 1 ? "1 byte" : "\(count) bytes" }
    let tenths = Int((value * 10).rounded())
    return tenths % 10 == 0 || tenths >= 1000
      ? "\(Int(value.rounded())) \(units[unit])" : "\(tenths / 10).\(tenths % 10) \(units[unit])"
  }
}

extension String {
  func padded(_ width: Int) -> String {
    count >= width ? self : self + String(repeating: " ", count: width - count)
  }

  func leftPadded(_ width: Int) -> String {
    count >= width ? self : String(repeating: " ", count: width - count) + self
  }
}
