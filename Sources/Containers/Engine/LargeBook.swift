import SoftPMTypes

/// What is known of the references of one large array or table, part by part: a part is what lies
/// in one chunk of its run.
///
/// A point looks at the parts that were written, and at those in which elements came or went.
final class LargeBook {
  typealias List = UnsafeMutableBufferPointer<MemberID>

  /// By part: references of the elements that start there.
  private(set) var lists: [List]
  /// Which elements there were.
  var validity: ElementValidity
  /// Parts that were written since, each once, and whether a part is among them.
  private var written: [Int] = []
  private var isWritten: [Bool]
  /// Elements may lie across parts: what was written to one part is an element's of the part before,
  /// and an element's image in the part after may follow from it.
  private let mayStraddle: Bool

  init(parts: Int, _ layout: ObjectLayout, at target: UnsafeRawPointer) {
    lists = Array(repeating: List(start: nil, count: 0), count: parts)
    isWritten = Array(repeating: false, count: parts)
    validity = layout.validity(of: target)
    mayStraddle = layout.mayStraddle
  }

  deinit {
    for list in lists { list.deallocate() }
  }

  func setList(ofPart part: Int, to list: UnsafeBufferPointer<MemberID>) {
    if lists[part].count != list.count {
      lists[part].deallocate()
      lists[part] = List.allocate(capacity: list.count)
    }
    guard let new = list.baseAddress else { return }
    lists[part].baseAddress?.update(from: new, count: list.count)
  }

  /// Notes that a part was written; tells which parts are to be imaged.
  func write(_ part: Int) -> ClosedRange<Int> {
    note(part)
    guard mayStraddle else { return part...part }
    if part > 0 { note(part - 1) }
    return max(0, part - 1)...min(lists.count - 1, part + 1)
  }

  private func note(_ part: Int) {
    guard !isWritten[part] else { return }
    isWritten[part] = true
    written.append(part)
  }

  func writeAll() { for part in lists.indices { note(part) } }

  func takeWritten() -> [Int] {
    defer { written.removeAll(keepingCapacity: true) }
    for part in written { isWritten[part] = false }
    return written.sorted()
  }
}

extension Membership {
  /// The bytes of a member in a large run that lie in one part of it, as offsets in the member.
  func range(ofPart part: Int) -> Range<Int> {
    let size = Int(chunkMask) + 1
    return max(0, part * size - lead)..<(part + 1) * size - lead
  }

  /// The parts that a range of a large member's bytes lies in.
  func parts(of range: Range<Int>, most: Int) -> Range<Int> {
    guard !range.isEmpty else { return 0..<0 }
    let first = (range.lowerBound + lead) >> Int(chunkShift)
    let last = (range.upperBound - 1 + lead) >> Int(chunkShift)
    return min(first, most)..<min(last + 1, most)
  }

  /// Calls `body` with each of a member's references, large or small.
  @inline(__always)
  func forEachReference(of member: MemberID, _ body: (MemberID) -> Void) {
    for reference in references(of: member) where reference != .none { body(reference) }
    guard !large.isEmpty, let book = large[member] else { return }
    for list in book.lists {
      for reference in list where reference != .none { body(reference) }
    }
  }

  /// The references that start in a part of a large member, as plain numbers.
  func numbers(ofPart part: Int, of member: MemberID) -> UnsafeBufferPointer<UInt32> {
    (large[member]?.lists[part]).map { MemberID.numbers($0) }
      ?? UnsafeBufferPointer(start: nil, count: 0)
  }

  func refers(_ member: MemberID, to other: MemberID) -> Bool {
    references(of: member).contains(other)
      || large[member]?.lists.contains { $0.contains(other) } ?? false
  }

  /// Notes that a part of a large member was written.
  func write(_ part: Int, of large: LargeBook, _ member: MemberID) {
    let head = chunk(of: member)
    for image in large.write(part) { mark(head + image) }
  }

  /// Has the images of all parts of a member made again.
  func markAll(of member: MemberID) {
    let head = chunk(of: member)
    guard let book = large[member] else { return mark(head) }
    for part in book.lists.indices { mark(head + part) }
  }

  /// Opens the book of a large member that is scanned for the first time, if it has parts.
  func openLarge(
    _ member: MemberID, at target: UnsafeRawPointer, _ layout: ObjectLayout
  ) -> LargeBook? {
    let head = books[chunk(of: member)]
    guard head.kind.isLarge, layout.isDivisible else { return nil }
    let book = LargeBook(parts: Int(head.run), layout, at: target)
    large[member] = book
    markAll(of: member)
    return book
  }
}
