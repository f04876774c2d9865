// The shop as its first program knew it.
//
//   <program> make <store>     a shop, one version
//   <program> show <store>     what it finds, in the words of this program
//   <program> grow <store>     opens, changes, persists: the version that it made
//   <program> dry <store>      what opening would do

import Containers

final class Customer {
  var first: String
  var last: String
  var visits: Int32 = 1
  var friend: Customer?
  init(_ first: String, _ last: String) {
    self.first = first
    self.last = last
  }
}

enum Status { case open, paid, cancelled }

struct Article {
  var name: String
  var price: Float
}

final class Order {
  var customer: Customer
  var status = Status.open
  var articles: [Article]
  init(_ customer: Customer, _ articles: [Article]) {
    self.customer = customer
    self.articles = articles
  }
}

final class Shop {
  var customers: [String: Customer] = [:]
  var orders: [Order] = []
}

/// Changed by every program in ways that need no registration, so that each opens all others'.
final class Note {
  var text: String
  var lines: Int32
  var tag = "untagged"
  init(_ text: String, lines: Int) {
    self.text = text
    self.lines = Int32(lines)
  }
}

func note(_ store: Store) throws -> String {
  let notes = try store.container("notes", initial: [Note]())
  notes.update { $0.append(Note("from 1", lines: 1)) }
  try notes.persistAndWait()
  return notes.read { $0.map { "\($0.text) \($0.lines) \($0.tag)" }.joined(separator: "; ") }
}

func make() -> Shop {
  let shop = Shop()
  let ann = Customer("Ann", "Lee")
  let bob = Customer("Bob", "Ray")
  ann.friend = bob
  bob.friend = ann
  shop.customers = ["ann": ann, "bob": bob]
  shop.orders = [Order(ann, [Article(name: "A chair, of wood", price: 49.5)]), Order(bob, [])]
  shop.orders[0].status = .paid
  return shop
}

func show(_ shop: Shop) -> String {
  let customers = shop.customers.sorted { $0.key < $1.key }.map { key, customer in
    let friend = customer.friend.map { "\($0.first)" } ?? "nobody"
    return "\(key): \(customer.first) \(customer.last), \(customer.visits) visits, friend \(friend)"
  }
  let orders = shop.orders.map { order in
    let isKnown = shop.customers.values.contains { $0 === order.customer }
    return "\(order.status) \(order.articles.map { "\($0.name) \($0.price)" }) \(isKnown)"
  }
  return (customers + orders).joined(separator: "; ")
}

func grow(_ shop: Shop) {
  for customer in shop.customers.values { customer.visits += 1 }
}

run(Shop(), make: make, show: show, grow: grow, note: note, Migrations())
