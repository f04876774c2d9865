import LibFuzzer

@main
struct FuzzWorkload {
  static func main() { fuzz(.workload) }
}
