import LibFuzzer

@main
struct FuzzRecord {
  static func main() { fuzz(.record) }
}
