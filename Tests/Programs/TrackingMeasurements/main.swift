// Figures of the tracking layer, each beside the raw floor of the same run.
//
//     TrackingMeasurements first-writes | collect [gibibytes …] | cold | freeze | recollapse | all
//
// Build with `-c release`. Times are medians of processor time; what is compared is measured in
// turn, A B A B.

import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

let words = Array(CommandLine.arguments.dropFirst())
do {
  switch words.first ?? "all" {
  case "first-writes": try measureFirstWrites()
  case "collect": try measureCollections(words.dropFirst().compactMap { Double($0) })
  case "cold": try measureCold()
  case "freeze": try measureFreezing()
  case "recollapse": measureRecollapse()
  case "all":
    try measureFirstWrites()
    try measureCollections([])
    try measureCold()
    try measureFreezing()
    measureRecollapse()
  default:
    print("usage: TrackingMeasurements first-writes|collect|cold|freeze|recollapse|all")
    exit(2)
  }
} catch {
  print("failed: \(error)")
  exit(1)
}
