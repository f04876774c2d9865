// Uses every declaration of the public interface, and says of each whether it did what it should.
//
// 1. It imports `Containers` alone, and its types know nothing of it: no base class, no protocol,
//    no macro, no annotation.
// 2. Each use is named like the declaration; `DeclarationTests` compares the names with the sources,
//    so that none is forgotten, and with the contract, so that none is taken away.
// 3. Types are written out where inference would hide that one of them has changed.
//
// usage: ContractProgram FOLDER, with SOFTPM_STORE naming a store that does not exist yet

import Containers

guard let folder = CommandLine.arguments.dropFirst().first else {
  fatalError("usage: ContractProgram FOLDER")
}
useValues()
useErrors()
try useExample()
try useFreeFunctions()
try useStores(folder)
try useMigrations(folder)
try useContainers()
try useVersions()
try await usePoints()
