// The shop's third program: people are members with initials, prices are in cents, the status tells
// when. It keeps what the second program registered, for stores of the first.

import Containers

class Account {
  var name = ""
  var visits = 0
}

final class Member: Account {
  var initials = ""
  var friends: [Member] = []
  var email: String?
}

enum Status {
  case open
  case paid(at: Int)
  case cancelled, draft
}

struct Article {
  var name: String
  var cents: Int
  var count: Int
}

final class Order {
  var member: Member
  var articles: [Article] = []
  var status = Status.open
  init(_ member: Member) { self.member = member }
}

final class Shop {
  var customers: [String: Member] = [:]
  var orders: [Order] = []
}

final class Note {
  var text: String
  var isDone = false
  var lines: Int32
  var author: String?
  init(_ text: String, lines: Int) {
    self.text = text
    self.lines = Int32(lines)
    author = "three"
    isDone = true
  }
}

func note(_ store: Store) throws -> String {
  let notes = try store.container("notes", initial: [Note]())
  notes.update { $0.append(Note("from 3", lines: 3)) }
  try notes.persistAndWait()
  return notes.read {
    $0.map { "\($0.text) \($0.lines) \($0.author ?? "-") \($0.isDone)" }.joined(separator: "; ")
  }
}

func show(_ shop: Shop) -> String {
  let customers = shop.customers.sorted { $0.key < $1.key }.map { key, member in
    let friends = member.friends.map(\.initials)
    return
      "\(key): \(member.name) (\(member.initials)), \(member.visits) visits, friends \(friends)"
      + ", \(member.email ?? "-")"
  }
  let orders = shop.orders.map { order in
    let isKnown = shop.customers.values.contains { $0 === order.member }
    let articles = order.articles.map { "\($0.count) \($0.name) \($0.cents)" }
    return "\(order.status) \(articles) \(isKnown)"
  }
  return (customers + orders).joined(separator: "; ")
}

func grow(_ shop: Shop) {
  for member in shop.customers.values { member.visits += 100 }
}

var migrations = Migrations()
// From the first program to the second.
migrations.rename("Shop.Customer", to: "Shop.Person")
migrations.change("Shop.Customer", having: ["first", "last"]) { old, new in
  new["name"] = .value("\(old["first"]) \(old["last"])")
}
// From the second to this one.
migrations.rename("Shop.Person", to: Member.self)
migrations.rename("customer", of: "Shop.Order", to: "member")
migrations.change("Shop.Person", having: ["name"]) { old, new in
  let words = (old["name"].string ?? "").split(separator: " ")
  new["initials"] = .value(String(words.compactMap(\.first)))
  new["friends"] = old["friend"].isNil ? [] : [old["friend"]]
}
migrations.setDefault(\Article.count, 1)
migrations.compute(\Article.cents) { old in Int(((old["price"].double ?? 0) * 100).rounded()) }
migrations.build(Status.self) { old in
  switch old.caseName {
  case "paid": .paid(at: 2026)
  case "cancelled": .cancelled
  case "draft": .draft
  default: .open
  }
}
run(Shop(), make: { Shop() }, show: show, grow: grow, note: note, migrations)
