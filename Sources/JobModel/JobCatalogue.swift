/// Every kind there is, by name. The door asks it whether an input fits; queues are what its kinds name.
package struct JobCatalogue: Sendable {
    package let kinds: [JobKind]
    private let byName: [String: JobKind]

    package init(_ kinds: [JobKind]) {
        self.kinds = kinds
        byName = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    }

    package subscript(name: String) -> JobKind? {
        byName[name]
    }

    /// Names of all queues, each once, in the order of the kinds.
    package var queues: [String] {
        var seen: Set<String> = []
        return kinds.map(\.queue).filter { seen.insert($0).inserted }
    }
}
