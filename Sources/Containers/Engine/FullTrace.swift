import SoftPMBase
import SoftPMHeap
import SoftPMTypes

/// One heap cell that belongs to a container, as a trace found it.
struct Member {
  /// Where its bytes are now.
  let target: UnsafeRawPointer
  /// Held by the trace's catalog: members are many, and counting references to their layouts was
  /// a seventh of a point.
  private let unmanagedLayout: Unmanaged<ObjectLayout>
  /// The layout that the referrer gave, where the cell's own header does not tell.
  let isTold: Bool
  /// References from members, plus one for the root: not the count in its header, which mixes
  /// in references that the container knows nothing of.
  var strongInDegree: UInt32 = 1
  var unownedInDegree: UInt32 = 0
  /// The member that led here first, and by which slot: for paths in errors. −1 for the root.
  let referrer: Int
  let referrerSlot: Int

  init(
    target: UnsafeRawPointer, layout: ObjectLayout, isTold: Bool, referrer: Int,
    referrerSlot: Int
  ) {
    self.target = target
    unmanagedLayout = .passUnretained(layout)
    self.isTold = isTold
    self.referrer = referrer
    self.referrerSlot = referrerSlot
  }

  var layout: ObjectLayout { unmanagedLayout.takeUnretainedValue() }

  /// What finds it in an index.
  var key: ObjectLayout? { isTold ? layout : nil }
}

/// The full trace: finds everything that strong references reach from the root.
///
/// Obviously correct: it visits every member, knows nothing from the time before, and is the
/// oracle for whatever is faster.
///
/// 1. It retains nothing and writes no word of the program's memory.
/// 2. It touches nothing that is not reachable from the root at this moment, because an object
///    taken out of the graph may belong to another thread.
/// 3. The caller holds the container's lock, so nothing reachable changes under it.
/// 4. Members come breadth first, the root's box at position 0, so that paths in errors are the
///    shortest there are.
final class FullTrace {
  private let catalog: TypeCatalog
  private let arena: Arena?
  private(set) var members: [Member] = []
  let index: MemberIndex
  private var unowned: [(target: UnsafeRawPointer, layout: ObjectLayout?)] = []

  /// `expecting` saves the index from growing; any number is right.
  init(catalog: TypeCatalog, expecting members: Int, in arena: Arena? = nil) {
    self.catalog = catalog
    self.arena = arena
    index = MemberIndex(expecting: members)
    self.members.reserveCapacity(members)
  }

  /// Finds the members. On an error, whose path begins at the root, they are incomplete.
  func run(from root: UnsafeRawPointer) throws(ContainerError) {
    try follow(root, nil, from: -1, slot: 0)
    var next = 0
    while next < members.count {
      try visit(next)
      next += 1
    }
    for (target, layout) in unowned {
      guard let position = index.position(of: target, layout) else { continue }
      members[position].unownedInDegree += 1
    }
  }

  private func visit(_ position: Int) throws(ContainerError) {
    let target = members[position].target
    if !members[position].isTold, let offsets = catalog.directStrongOffsets(ofObjectAt: target) {
      for offset in offsets {
        guard let next = target.load(fromByteOffset: offset, as: UnsafeRawPointer?.self) else {
          continue
        }
        try follow(next, nil, from: position, slot: offset)
      }
      return
    }
    let layout = members[position].layout
    // Errors of the visit itself are relative to this member, those of `follow` to the root.
    var failure: ContainerError?
    do throws(ContainerError) {
      try layout.visitReferences(of: target) { reference throws(ContainerError) in
        switch reference.strength {
        case .strong:
          do throws(ContainerError) {
            try follow(
              reference.target, reference.layout, from: position, slot: reference.slotOffset)
          } catch {
            failure = error
            throw error
          }
        case .unowned:
          unowned.append((reference.target, reference.layout))
        case .weak, .unmanaged:
          break
        }
      }
    } catch {
      throw failure ?? rooted(error, at: position)
    }
  }

  private func follow(
    _ target: UnsafeRawPointer, _ told: ObjectLayout?, from referrer: Int, slot: Int
  ) throws(ContainerError) {
    if let known = index.insert(target, told, at: members.count) {
      members[known].strongInDegree += 1
      return
    }
    guard MemberMemory.isAllocated(UInt(bitPattern: target), arena) else {
      throw rooted(Membership.caughtChanging, at: referrer, slot: slot)
    }
    let layout: ObjectLayout
    if let told {
      layout = told
    } else {
      do throws(ContainerError) {
        layout = try catalog.layout(ofObjectAt: target)
      } catch {
        throw rooted(error, at: referrer, slot: slot)
      }
    }
    members.append(
      Member(
        target: target, layout: layout, isTold: told != nil, referrer: referrer,
        referrerSlot: slot))
  }

  // MARK: Paths

  /// The error as seen from the root: with the whole path.
  func rooted(
    _ error: ContainerError, at position: Int, slot: Int? = nil
  ) -> ContainerError {
    var error = error
    var path = position < 0 ? "root" : path(to: position)
    if let slot, position >= 0 {
      path += members[position].layout.path(toSlotAt: slot, in: members[position].target)
    }
    error.path = Self.withoutBox(path + (error.path ?? ""))
    return error
  }

  /// The path from the root to a member, as Swift would write it, with the root's box still in it.
  private func path(to position: Int) -> String {
    var steps: [String] = []
    var current = position
    while members[current].referrer >= 0 {
      let from = members[members[current].referrer]
      steps.append(from.layout.path(toSlotAt: members[current].referrerSlot, in: from.target))
      current = members[current].referrer
    }
    return "root" + steps.reversed().joined()
  }

  /// What the path calls `root` is the property `value` of the box.
  private static func withoutBox(_ path: String) -> String {
    let box = "root.value"
    return path.hasPrefix(box) ? "root" + path.dropFirst(box.count) : path
  }
}
