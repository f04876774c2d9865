// Behaviours of the tracking layer that need a process of their own: crashes, forks, filters.
//
//     TrackingProgram [forbidden] <verb> <automatic|kernel|signal|everythingDirty>
//     TrackingProgram forbidden run <program> [argument …]
//
// `forbidden` first installs a seccomp filter under which userfaultfd fails. A verb prints lines
// that a test reads, and ends with "ok" and status 0; a broken promise ends with status 1.

import CTrackingProbe
import Glibc
import SoftPMBase
import SoftPMTracking

let verbs: [String: (TrackerChoice) throws -> Void] = [
  "explain": explain,
  "oracle": oracle,
  "coarse-oracle": coarseOracle,
  "crash": crash,
  "crash-on-protected": crashOnProtected,
  "own-handler": ownHandler,
  "million": scatteredMillion,
  "few-mappings": fewMappings,
  "fork": forkWhileWriting,
  "bare-fork": bareFork,
  "timer": timerWrites,
  "system-call": systemCall,
]
let choices: [String: TrackerChoice] = [
  "automatic": .automatic, "kernel": .kernel, "signal": .signal,
  "everythingDirty": .everythingDirty,
]

var words = Array(CommandLine.arguments.dropFirst())
if words.first == "forbidden" {
  words.removeFirst()
  let result = probe_forbid_userfaultfd()
  require(result == 0, "the seccomp filter could not be installed: errno \(result)")
}
if words.count >= 2, words[0] == "run" {
  // The filter is inherited.
  var arguments = words.dropFirst().map { strdup($0) } + [nil]
  execv(words[1], &arguments)
  print("\(words[1]) cannot be run: errno \(errno)")
  exit(2)
}
guard words.count == 2, let verb = verbs[words[0]], let choice = choices[words[1]] else {
  print("usage: TrackingProgram [forbidden] <verb> <choice>")
  exit(2)
}
do {
  try verb(choice)
  print("ok")
} catch {
  print("failed: \(error)")
  exit(1)
}
