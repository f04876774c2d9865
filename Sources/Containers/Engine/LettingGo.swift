import SoftPMBase
import SoftPMHeap
import SoftPMTypes

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Lets go of a graph whose container is closed, switched away or released, without running a
/// `deinit`: the objects live on in the store.
///
/// 1. An object that the program holds has more references than members give it. It stays, with
///    all that it reaches, and lives on as an ordinary object.
/// 2. All others end here, cycles included: weak references to them become nil, and their memory
///    goes back to the allocator.
/// 3. Where the graph cannot be traced, because something in it cannot be persisted, all of it
///    stays: memory is lost rather than a live object ended.
///
/// The caller holds the container's lock exclusively, or is the graph's only user.
struct LettingGo {
  let catalog: TypeCatalog
  let arena: Arena

  /// Afterwards `rootBox` is hollow: releasing it frees the box and nothing else.
  func run(from rootBox: AnyObject) {
    let root = UnsafeRawPointer(Unmanaged.passUnretained(rootBox).toOpaque())
    // Excluded properties hold objects too; where those cannot be read, they are left alone.
    if let trace = trace(from: root, TypeCatalog()) ?? trace(from: root, catalog) {
      let kept = membersHeld(in: trace)
      release(from: trace, keeping: kept)
      end(in: trace, keeping: kept)
      ObjectLife.hollow(root)
    } else {
      _ = Unmanaged.passRetained(rootBox)
    }
    arena.close()
  }

  private func trace(from root: UnsafeRawPointer, _ catalog: TypeCatalog) -> FullTrace? {
    let trace = FullTrace(catalog: catalog, expecting: 0)
    do {
      try trace.run(from: root)
      return trace
    } catch {
      return nil
    }
  }

  /// Whether the member has counts of its own: raw bytes and literals have none, and what the
  /// binary laid out is never freed.
  private func isCounted(_ member: Member) -> Bool {
    guard !member.layout.isRaw else { return false }
    return arena.contains(UInt(bitPattern: member.target))
      || !ObjectLife.isImmortal(member.target)
  }

  // MARK: What stays

  /// Positions of the members that the program holds, or reaches from what it holds.
  private func membersHeld(in trace: FullTrace) -> [Bool] {
    var kept = [Bool](repeating: false, count: trace.members.count)
    var pending: [Int] = []
    // The root's box, at 0, is never in the program's hands.
    for position in trace.members.indices.dropFirst() {
      let member = trace.members[position]
      guard isCounted(member),
        ObjectLife.strongCount(of: member.target) > Int(member.strongInDegree)
      else { continue }
      kept[position] = true
      pending.append(position)
    }
    while let position = pending.popLast() {
      forEachReference(of: trace.members[position]) { reference in
        guard reference.strength == .strong,
          let next = trace.index.position(of: reference.target, reference.layout), !kept[next]
        else { return }
        kept[next] = true
        pending.append(next)
      }
    }
    return kept
  }

  // MARK: What goes

  /// Takes back what members that go have given to others: counts of members that stay, weak and
  /// unowned references to anything.
  private func release(from trace: FullTrace, keeping kept: [Bool]) {
    for (position, member) in trace.members.enumerated() where !kept[position] {
      forEachReference(of: member) { reference in
        switch reference.strength {
        case .strong:
          guard let next = trace.index.position(of: reference.target, reference.layout),
            kept[next], isCounted(trace.members[next])
          else { return }
          ObjectLife.release(reference.target)
        case .weak:
          ObjectLife.dropWeakReference(at: member.target + reference.slotOffset)
        case .unowned:
          ObjectLife.releaseUnowned(reference.target)
        case .unmanaged:
          break
        }
      }
    }
  }

  private func end(in trace: FullTrace, keeping kept: [Bool]) {
    for (position, member) in trace.members.enumerated().dropFirst() where !kept[position] {
      if member.layout.isRaw {
        free(UnsafeMutableRawPointer(mutating: member.target))
      } else if isCounted(member) {
        ObjectLife.end(member.target)
      }
    }
  }

  private func forEachReference(of member: Member, _ body: (Reference) -> Void) {
    do {
      try member.layout.visitReferences(of: member.target) { body($0) }
    } catch {
      misuse("what a trace had read cannot be read again: \(error)")
    }
  }
}
