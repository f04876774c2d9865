// Writes the image of a graph to a file, for `TypesReader` to bring to life.

import Glibc
import SoftPMTypes
import TypesZoo

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : ""
let zoo = Zoo()
do {
  let container = ToyContainer()
  try container.discover(zoo)
  guard try container.stored().write(to: path) else { exit(2) }
} catch {
  print(error)
  exit(1)
}
withExtendedLifetime(zoo) {}
