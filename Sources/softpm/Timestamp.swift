// Times as people read them, without Foundation: the tool starts in a few milliseconds.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A moment in the user's own time zone: `2026-11-21 14:05:09`.
struct Timestamp: CustomStringConvertible {
  init(_ secondsSince1970: Double) { self.secondsSince1970 = secondsSince1970 }

  let secondsSince1970: Double

  var description: String {
    var seconds = time_t(secondsSince1970)
    var parts = tm()
    localtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let date = "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
    return "\(date) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec))"
  }
}
