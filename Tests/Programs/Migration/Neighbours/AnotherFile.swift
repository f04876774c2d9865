// Types that stand beside the shop's in another executable of its module.

import Containers

struct AAA {
  var customer: Customer?
  var all: [AAA] = []
}

enum Aside {
  final class Customer { var unrelated = 1 }
}

func useNeighbours() -> [AnyObject] { [Aside.Customer(), Order(Customer("", ""), [])] }

protocol Opening { func open() }
extension Customer: Opening { func open() {} }
