import LibFuzzer

@main
struct FuzzOpen {
  static func main() { fuzz(.open) }
}
