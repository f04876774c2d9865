// The shop's second program: customers are people with one name, prices are exact, orders know more.

import Containers

final class Person {
  var name: String
  var friend: Person?
  var visits: Int
  var email: String?
  init(_ name: String) {
    self.name = name
    visits = 0
  }
}

enum Status { case draft, open, paid, cancelled }

struct Article {
  var price: Double
  var name: String
  var count: Int
}

final class Order {
  var articles: [Article] = []
  var customer: Person
  var status = Status.open
  var note = ""
  init(_ customer: Person) { self.customer = customer }
}

final class Shop {
  var orders: [Order] = []
  var customers: [String: Person] = [:]
}

final class Note {
  var author: String?
  var lines: Int32
  var text: String
  init(_ text: String, lines: Int) {
    self.text = text
    self.lines = Int32(lines)
    author = "two"
  }
}

func note(_ store: Store) throws -> String {
  let notes = try store.container("notes", initial: [Note]())
  notes.update { $0.append(Note("from 2", lines: 2)) }
  try notes.persistAndWait()
  return notes.read {
    $0.map { "\($0.text) \($0.lines) \($0.author ?? "-")" }.joined(separator: "; ")
  }
}

func show(_ shop: Shop) -> String {
  let customers = shop.customers.sorted { $0.key < $1.key }.map { key, person in
    let friend = person.friend?.name ?? "nobody"
    return
      "\(key): \(person.name), \(person.visits) visits, friend \(friend), \(person.email ?? "-")"
  }
  let orders = shop.orders.map { order in
    let isKnown = shop.customers.values.contains { $0 === order.customer }
    let articles = order.articles.map { "\($0.count) \($0.name) \($0.price)" }
    return "\(order.status) \(articles) \(isKnown) <\(order.note)>"
  }
  return (customers + orders).joined(separator: "; ")
}

func grow(_ shop: Shop) {
  for person in shop.customers.values {
    person.visits += 10
    person.email = "\(person.name)@example.org"
  }
}

var migrations = Migrations()
migrations.rename("Shop.Customer", to: Person.self)
migrations.change("Shop.Customer", having: ["first", "last"]) { old, new in
  new["name"] = .value("\(old["first"]) \(old["last"])")
}
migrations.setDefault(\Article.count, 1)
run(Shop(), make: { Shop() }, show: show, grow: grow, note: note, migrations)
