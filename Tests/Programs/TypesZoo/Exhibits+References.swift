import Observation

private class Base {
  var name: String
  let number: Int
  private var secret = longText("secret")
  init(_ name: String, _ number: Int) {
    self.name = name
    self.number = number
  }
  var reveals: String { secret }
  var kind: String { "base" }
}
private final class Derived: Base {
  lazy var later = longText("later")
  @Clamped var level = 120
  var more: [Base] = []
  override var kind: String { "derived" }
}
@propertyWrapper private struct Clamped {
  private var stored = 0
  init(wrappedValue: Int) { stored = min(wrappedValue, 100) }
  var wrappedValue: Int {
    get { stored }
    set { stored = min(newValue, 100) }
  }
}
private class Carrier<Value> {
  var value: Value
  init(_ value: Value) { self.value = value }
}
private final class Special<Key: Hashable>: Carrier<[Key: Key]> {
  var extra = 1
}
private final class Family {
  weak var parent: Family?
  unowned var friend: Family?
  unowned(unsafe) var rival: Family?
  var unmanaged: Unmanaged<Family>?
  var children: [Family] = []
  let name: String
  init(_ name: String) { self.name = name }
}

// References that are not strong, inside enums, tuples and boxes.
private struct WeakBox { weak var target: Family? }
private struct UnownedBox { unowned let target: Family }
private struct UnsafeBox { unowned(unsafe) let target: Family }
private struct BigWeakBox {
  weak var target: Family?
  var a = 1
  var b = 2
  var c = 3
}
private enum Grip {
  case nobody
  case weakly(WeakBox)
  case unowned(UnownedBox)
  case unsafely(UnsafeBox)
  case unmanaged(Unmanaged<Family>)
  case strongly(Family)

  var target: Family? {
    switch self {
    case .nobody: nil
    case .weakly(let box): box.target
    case .unowned(let box): box.target
    case .unsafely(let box): box.target
    case .unmanaged(let reference): reference.takeUnretainedValue()
    case .strongly(let family): family
    }
  }
}

@Observable private final class Viewed {
  var count = 1
  var title = longText("watched")
  @ObservationIgnored var quiet = 2
}
private actor Counter {
  var count: Int
  init(_ count: Int) { self.count = count }
}
/// Read from outside of the actor, as a test cannot wait for it here.
private func storedCount(of counter: Counter) -> Int? {
  Mirror(reflecting: counter).children.first { $0.label == "count" }?.value as? Int
}

extension Exhibition {
  mutating func showReferences() {
    showClasses()
    let family = Self.family()
    begin(row: "`weak`")
    show(family) { $0.children.allSatisfy { child in child.parent?.name == "parent" } }
    show((family, WeakBox(target: family))) { $0.1.target === $0.0 }
    show((family, [Grip.nobody, .weakly(WeakBox(target: family))])) { $0.1[1].target === $0.0 }
    show((family, BigWeakBox(target: family) as Any)) {
      ($0.1 as? BigWeakBox)?.target === $0.0 && ($0.1 as? BigWeakBox)?.c == 3
    }
    show((family, WeakBox(target: family) as Any)) { ($0.1 as? WeakBox)?.target === $0.0 }
    begin(row: "`unowned`")
    show(family) { $0.friend === $0.children[0] }
    show((family, UnownedBox(target: family))) { $0.1.target === $0.0 }
    show((family, [Grip.unowned(UnownedBox(target: family)), .nobody])) {
      $0.1[0].target === $0.0
    }
    show((family, UnownedBox(target: family) as Any)) {
      ($0.1 as? UnownedBox)?.target === $0.0
    }
    begin(row: "`unowned(unsafe)`, Unmanaged")
    show(family) { $0.rival === $0.children[1] && $0.unmanaged?.takeUnretainedValue() === $0 }
    show((family, [Grip.unsafely(UnsafeBox(target: family))])) { $0.1[0].target === $0.0 }
    show((family, [Grip.unmanaged(.passUnretained(family)), .strongly(family)])) {
      $0.1[0].target === $0.0 && $0.1[1].target === $0.0
    }
    show((family, UnsafeBox(target: family) as Any, (1, Unmanaged.passUnretained(family)))) {
      ($0.1 as? UnsafeBox)?.target === $0.0 && $0.2.1.takeUnretainedValue() === $0.0
    }
    begin(row: "`@Observable` classes")
    show(Viewed()) {
      $0.count += 1
      return $0.count == 2 && $0.title == longText("watched") && $0.quiet == 2 && $0.reset()
    }
    begin(row: "actors")
    show(Counter(7)) { storedCount(of: $0) == 7 }
  }

  private mutating func showClasses() {
    begin(
      row: "classes: with superclasses, generic, private, local; `let`, `private`, `lazy` and "
        + "wrapped properties")
    final class Local {
      var text = longText("local")
      let inner = Carrier<Derived?>(nil)
    }
    let derived = Derived(longText("derived"), 4)
    derived.more = [derived, Base("base", 5)]
    derived.level = 30
    show(derived) {
      $0.name == longText("derived") && $0.kind == "derived" && $0.level == 30
        && $0.more[0] === $0 && $0.more[1].kind == "base" && $0.reveals == longText("secret")
        && $0.later == longText("later") && $0.number == 4
    }
    // The closure above has made the lazy property; this one has not.
    let fresh = Derived("fresh", 1)
    show(fresh) { $0.number == 1 && $0.level == 100 }
    show(Local()) { $0.text == longText("local") && $0.inner.value == nil }
    show(Special([1: 2])) { $0.value == [1: 2] && $0.extra == 1 }
    show(Carrier<(any Hashable, Int)>((longText("g"), 2))) {
      $0.value.0 as? String == longText("g") && $0.value.1 == 2
    }
  }

  private static func family() -> Family {
    let parent = Family("parent")
    parent.children = [Family("one"), Family("two")]
    for child in parent.children { child.parent = parent }
    parent.friend = parent.children[0]
    parent.rival = parent.children[1]
    parent.unmanaged = .passUnretained(parent)
    return parent
  }
}

extension Viewed {
  fileprivate func reset() -> Bool {
    count = 1
    return true
  }
}
