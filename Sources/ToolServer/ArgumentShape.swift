internal import JobModel

/// What a tool takes: a JSON Schema of an object whose members are named in snake_case. Other spellings of a name are understood.
struct ArgumentShape: Sendable {
    let schema: JSONValue
    /// Other words for an argument, in snake_case.
    let aliases: [String: String]
    /// Members that the schema does not know go through: the tool looks at them itself.
    let isOpen: Bool
    private let names: Set<String>

    init(_ fields: [InputShape.Field], oneOf: [String] = [], aliases: [String: String] = [:]) {
        self.init(schema: InputShape(fields, oneOf: oneOf).schema, aliases: aliases)
    }

    init(schema: JSONValue, aliases: [String: String] = [:], isOpen: Bool = false) {
        self.aliases = aliases
        self.isOpen = isOpen
        self.schema = schema
        names = Set(schema["properties"]?.object?.keys.map(\.self) ?? [])
    }

    /// As many as a schema tells; a body may have a hundred thousand.
    static let maxFaults = 20

    /// The arguments under the names of the schema, null ones left out, or what is wrong with them: the first `maxFaults`.
    func accept(_ given: [String: JSONValue]) throws(ToolFault) -> [String: JSONValue] {
        var arguments: [String: JSONValue] = [:]
        var spelled: [String: String] = [:]
        var faults: [InputShape.Fault] = []
        for (name, value) in given.sorted(by: { $0.key < $1.key }) {
            let ours = ours(name)
            if let other = spelled[ours] {
                faults.append(.init(pointer: "#/\(ToolNames.cut(name))", detail: "means the same as \(other): give one of them"))
                guard faults.count < ArgumentShape.maxFaults else { break }
                continue
            }
            spelled[ours] = name
            arguments[ours] = value.isNull ? nil : value
        }
        faults += self.faults(in: arguments).map { $0.renamed(spelled) }
        guard faults.isEmpty else { throw ToolFault(faults) }
        return arguments
    }

    private func faults(in arguments: [String: JSONValue]) -> [InputShape.Fault] {
        JSONSchema(schema).faults(in: .object(arguments)).map { fault in
            guard fault.detail == "is not known here" else { return fault }
            let name = String(fault.pointer.dropFirst(2))
            let near = ToolNames.nearest(to: name, among: names.sorted()).first
            let all = names.isEmpty ? "it takes none" : "there are: \(names.sorted().joined(separator: ", "))"
            let there = near.map { "did you mean \($0)?" } ?? all
            return InputShape.Fault(pointer: fault.pointer, detail: "is not an argument of this tool; \(there)")
        }
    }

    private func ours(_ name: String) -> String {
        // A longer one is in nobody's other spelling.
        if names.contains(name) || name.utf8.count > ToolNames.longest { return name }
        let snake = ToolNames.snake(name)
        let meant = aliases[snake] ?? snake
        return names.contains(meant) || isOpen ? meant : name
    }
}

extension InputShape.Fault {
    /// The first part of the pointer as the caller spelled it.
    fileprivate func renamed(_ spelled: [String: String]) -> InputShape.Fault {
        var parts = pointer.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1, let given = spelled[parts[1]] else { return self }
        parts[1] = ToolNames.cut(given)
        return InputShape.Fault(pointer: parts.joined(separator: "/"), detail: detail)
    }
}

/// How long a tool may wait for a job, in the tools that can.
enum WaitField {
    static let name = "wait_seconds"
    static let longest = 300
    /// Of an answer that is held back, as `Prefer: wait` holds one: proxies cut off what is silent for longer.
    static let longestHeld = 60

    static let field = InputShape.Field(
        name, .integer(0...longest), standard: 0, "wait so many seconds for the job to end; 0 answers at once")
}
