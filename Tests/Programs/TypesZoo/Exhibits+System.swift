import Foundation

extension Exhibition {
  mutating func showSystemTypes() {
    begin(
      row: "Foundation's Data, Date, UUID, URL, Decimal, and its structs without references")
    for count in [0, 1, 14, 15, 100, 5000] {
      show(Data((0..<count).map { UInt8(truncatingIfNeeded: $0) }))
    }
    show(Data(repeating: 7, count: 200)[50..<60])
    show(Date(timeIntervalSince1970: 5))
    show(UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)))
    show([UUID(uuid: (9, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)): Date.distantPast])
    show(URL(string: "https://user@host.example/path?q=1#f")!)
    show(URL(string: "c", relativeTo: URL(string: "http://a/b"))!)
    show(Decimal(string: "1.25")!, -3)
    show(DateInterval(start: .distantPast, duration: 5))

    begin(row: "C structs whose fields Swift shows")
    show(CGSize(width: 1, height: 2))
    show(timespec(tv_sec: 5, tv_nsec: 6)) { $0.tv_sec == 5 && $0.tv_nsec == 6 }
    show([div_t(quot: 1, rem: 2)]) { $0[0].quot == 1 && $0[0].rem == 2 }
  }
}
