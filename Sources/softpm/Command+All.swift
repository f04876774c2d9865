// The command table.

extension Command {
  private static let store = Operand(name: "STORE", about: "The file of a store.")
  private static let target = Operand(
    name: "TARGET",
    about: "STORE, STORE:CONTAINER or STORE:CONTAINER@VERSION. Without a container, the store's "
      + "only one; without a version, the newest. A version is its number or its label.")
  private static let path = Operand(
    name: "PATH", about: "A path as Swift writes it: root.people[\"Ann\"].age. Without, root.",
    isOptional: true)
  private static let depth = Option(name: "depth", value: "N", about: "How deep to look.")

  static let all: [Command] = looking + comparing + changing + forShells

  private static let looking = [
    Command(
      name: "info", summary: "what a store holds, and what this machine offers",
      about: [
        "Shows the containers with their newest versions, how large the store is, and which "
          + "drivers and write trackers work here, and why."
      ],
      operands: [store],
      options: [
        Option(
          name: "space", about: "What each version alone keeps; of small stores always shown.")
      ],
      examples: [Example(line: "softpm info notes.softpm", about: "An overview.")],
      run: { try InfoCommand.run($0, $1) }),
    Command(
      name: "log", summary: "the versions of a store, newest first",
      about: [
        "Lists versions with time, parent, objects and bytes written. With --graph, lines "
          + "show which version was made from which, across branches."
      ],
      operands: [
        Operand(name: "TARGET", about: "STORE, or STORE:CONTAINER for one container.")
      ],
      options: [
        Option(name: "graph", about: "Draw lines from versions to their parents."),
        Option(name: "limit", value: "N", about: "Show at most so many versions."),
      ],
      examples: [
        Example(line: "softpm log notes.softpm", about: "Every version."),
        Example(line: "softpm log notes.softpm:notebook --graph", about: "One line of versions."),
      ],
      run: { try LogCommand.run($0, $1) }),
    Command(
      name: "show", summary: "a version, and a value in it",
      about: ["Shows what is known of a version, then the value as `cat` does."],
      operands: [target, path], options: [depth, elements],
      examples: [
        Example(line: "softpm show notes.softpm:notebook@12", about: "A version and its root.")
      ],
      run: { try CatCommand.show($0, $1) }),
    Command(
      name: "cat", summary: "a value, as Swift would write it",
      about: [
        "Prints the value that a path leads to. An object is printed once, as "
          + "Person#12(…); where it is met again, by its name and number."
      ],
      operands: [target, path], options: [depth, elements],
      examples: [
        Example(
          line: "softpm cat notes.softpm:notebook@12 'root.people[\"Ann\"]'", about: "One person."),
        Example(line: "softpm cat notes.softpm --depth 1", about: "The root and no further."),
      ],
      run: { try CatCommand.run($0, $1) }),
    Command(
      name: "tree", summary: "the graph with depth and size, biggest first",
      about: [
        "Shows objects and collections under the first that leads to them, with the bytes "
          + "and objects at and below each. Reads all of the version that is reachable."
      ],
      operands: [target, path],
      options: [
        depth, Option(name: "limit", value: "N", about: "Parts shown of each, 10 unless told."),
      ],
      examples: [Example(line: "softpm tree notes.softpm:notebook", about: "Where the bytes are.")],
      run: { try TreeCommand.run($0, $1) }),
    Command(
      name: "types", summary: "the types that a container stores",
      about: [
        "Lists the type table: names, kinds, sizes, fields with type and offset, cases. "
          + "With --against, says how types differ from those of another version or store; exit "
          + "code 12 if they do."
      ],
      operands: [target],
      options: [
        Option(name: "against", value: "TARGET", about: "Compare with the types there."),
        Option(name: "all", about: "Also those that are only named, and the standard library's."),
      ],
      examples: [
        Example(line: "softpm types notes.softpm:notebook", about: "Classes, structs, enums."),
        Example(
          line: "softpm types notes.softpm@1 --against notes.softpm@12", about: "What changed."),
      ],
      run: { try TypesCommand.run($0, $1) }),
    Command(
      name: "verify", summary: "read and check every byte that any version needs",
      about: ["Names the versions that are damaged. Exit code 13 if there is damage."],
      operands: [store],
      examples: [Example(line: "softpm verify notes.softpm", about: "Is the store whole?")],
      run: { try VerifyCommand.run($0, $1) }),
    Command(
      name: "watch", summary: "versions as they come",
      about: ["Prints each version when it has become durable, until it is interrupted."],
      operands: [store],
      options: [
        Option(name: "count", value: "N", about: "End after so many versions."),
        Option(name: "interval", value: "MS", about: "Look every so many milliseconds; 500."),
      ],
      examples: [Example(line: "softpm watch notes.softpm", about: "Follow a running program.")],
      run: { try WatchCommand.run($0, $1) }),
  ]

  private static let elements = Option(
    name: "elements", value: "N", about: "Elements shown of each collection, 100 unless told.")

  private static let comparing = [
    Command(
      name: "diff", summary: "what differs between two versions, leaf by leaf",
      about: [
        "One line for each number, string, flag or reference that differs: + for what came, "
          + "- for what went, ~ for what changed. Versions of branches compare too. Exit code 3 if "
          + "there are differences."
      ],
      operands: [
        target,
        Operand(
          name: "TARGET-OR-VERSION",
          about: "What to compare with; a number alone is a version of the same store. Without, "
            + "the version is compared with its parent.", isOptional: true),
      ],
      examples: [
        Example(line: "softpm diff notes.softpm:notebook@11 12", about: "What 12 changed."),
        Example(line: "softpm diff notes.softpm:notebook", about: "What the last point changed."),
      ],
      run: { try DiffCommand.run($0, $1) }),
    Command(
      name: "export", summary: "a version as JSON, with identity kept by numbers",
      about: [
        "Writes {\"root\": …, \"objects\": {\"12\": {\"type\": …, \"fields\": {…}}}}. A reference is "
          + "{\"$ref\": 12}. What JSON has no form for is an object with one $-key: $case, $data, "
          + "$date, $dictionary (pairs), $set, $other.",
        "With --ndjson, a line for the root and one for each object: for graphs that should not "
          + "be in memory at once.",
      ],
      operands: [target, path],
      options: [Option(name: "ndjson", about: "One JSON document a line.")],
      examples: [
        Example(line: "softpm export notes.softpm:notebook > notebook.json", about: "Everything."),
        Example(line: "softpm export notes.softpm --ndjson | wc -l", about: "Object by object."),
      ],
      run: { try ExportCommand.run($0, $1) }),
    Command(
      name: "dot", summary: "a graph for Graphviz",
      about: ["Writes the graph of a version, or with --versions the tree of versions."],
      operands: [target, path],
      options: [
        Option(name: "versions", about: "The tree of versions instead."),
        Option(name: "limit", value: "N", about: "At most so many nodes, 500 unless told."),
      ],
      examples: [
        Example(line: "softpm dot notes.softpm:notebook | dot -Tsvg > a.svg", about: "A picture.")
      ],
      run: { try DotCommand.run($0, $1) }),
  ]

  private static let changing = [
    Command(
      name: "branch", summary: "make a container that descends from a version",
      about: [
        "The new container shares everything with the version until it is changed. Needs "
          + "the store not to be open for writing elsewhere."
      ],
      operands: [target, Operand(name: "NAME", about: "The name of the new container.")],
      options: [cautionOptions[1]],
      examples: [
        Example(line: "softpm branch notes.softpm:notebook@12 trial", about: "Go on from 12.")
      ],
      run: { try BranchCommand.run($0, $1) }),
    Command(
      name: "label", summary: "give a version a label, or take it away",
      about: [
        "A labelled version is kept whatever the retention. Taking the label away lets "
          + "retention drop the version, so it wants --yes, or an answer on a terminal."
      ],
      operands: [
        target, Operand(name: "LABEL", about: "The label.", isOptional: true),
      ],
      options: [Option(name: "remove", about: "Take the label away.")] + cautionOptions,
      examples: [
        Example(line: "softpm label notes.softpm:notebook@12 release", about: "Keep version 12."),
        Example(line: "softpm label notes.softpm@12 --remove --yes", about: "Let it go."),
      ],
      run: { try BranchCommand.label($0, $1) }),
    Command(
      name: "compact", summary: "make the store's file as small as what is kept allows",
      about: [
        "Gives the space of dropped versions back to the file system. No version is lost. Needs "
          + "the store not to be open for writing elsewhere."
      ],
      operands: [store], options: [cautionOptions[1]],
      examples: [
        Example(line: "softpm compact notes.softpm --dry-run", about: "What it would give."),
        Example(line: "softpm compact notes.softpm", about: "Do it."),
      ],
      run: { try CompactCommand.run($0, $1) }),
    Command(
      name: "backup", summary: "a whole copy of a store, also of one in use",
      about: ["The copy is made aside, verified, and then given its name. Nothing is overwritten."],
      operands: [store, Operand(name: "COPY", about: "The file to make.")],
      examples: [Example(line: "softpm backup notes.softpm monday.softpm", about: "A copy.")],
      run: { try CompactCommand.backup($0, $1) }),
  ]

  private static let forShells = [
    Command(
      name: "completions", summary: "completions for a shell",
      about: ["Prints a script that teaches the shell the commands and options."],
      operands: [Operand(name: "SHELL", about: "bash, zsh or fish.")],
      examples: [
        Example(line: "source <(softpm completions bash)", about: "In this shell, now.")
      ],
      run: { try Completions.run($0, $1) }),
    Command(
      name: "man", summary: "the manual page",
      about: ["Prints the manual page for man(1), or as Markdown."],
      options: [Option(name: "markdown", about: "Markdown instead.")],
      examples: [Example(line: "softpm man | man -l -", about: "Read it.")],
      run: { try Manual.run($0, $1) }),
  ]
}
