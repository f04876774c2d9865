// Checks the layer against the runtime, over values of every shape that is persisted.
//
// A program of its own: recording retains is for the whole process, and for one thread.

import CRetainRecorder
import Foundation

guard softpm_recorder_install() else {
  print("swift_retain is not the one known")
  exit(2)
}

var oracle = Oracle()
checkObjects(&oracle)
checkEnums(&oracle)
checkCollections(&oracle)
checkExistentials(&oracle)
checkFoundation(&oracle)
print("agreed \(oracle.agreed), failed \(oracle.failed)")
exit(oracle.failed == 0 && oracle.agreed >= 120 ? 0 : 1)
