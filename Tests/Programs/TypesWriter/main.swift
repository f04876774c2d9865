// Writes the image of a graph to a file, for `TypesReader` to bring to life.
//
//   TypesWriter <file>             the zoo
//   TypesWriter <file> <library>   the exhibition that a library makes

import Glibc
import SoftPMTypes
import TypesZoo

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : ""
let library = CommandLine.arguments.count > 2 ? CommandLine.arguments[2] : nil
let root: AnyObject = library.map { Exhibitor($0).make() } ?? Zoo()
do {
  let container = ToyContainer()
  try container.discover(root)
  guard try container.stored().write(to: path) else { exit(2) }
} catch {
  print(error)
  exit(1)
}
withExtendedLifetime(root) {}
