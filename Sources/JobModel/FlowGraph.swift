/// The names and dependencies of a flow before it is accepted: finds everything that is wrong with them.
package struct FlowGraph: Sendable {
    package struct Node: Sendable {
        package let name: String
        package let parents: [String]

        package init(name: String, parents: [String]) {
            self.name = name
            self.parents = parents
        }
    }

    private let nodes: [Node]
    /// The first node of each name.
    private let places: [String: Int]

    package init(_ nodes: [Node]) {
        self.nodes = nodes
        places = Dictionary(zip(nodes.map(\.name), nodes.indices), uniquingKeysWith: { first, _ in first })
    }

    /// Names twice, parents that are not there, and, when there is nothing of this, one cycle.
    package var faults: [InputShape.Fault] {
        let faults = sizeFaults + nodes.indices.flatMap(nameFaults) + nodes.indices.flatMap(parentFaults)
        return faults.isEmpty ? cycle.map { [fault(of: $0)] } ?? [] : faults
    }

    private var sizeFaults: [InputShape.Fault] {
        guard nodes.reduce(0, { $0 + $1.parents.count }) > Flow.maxDependencies else { return [] }
        return [.init(pointer: "#/jobs", detail: "must have at most \(Flow.maxDependencies) dependencies together; put a job in between")]
    }

    private func nameFaults(_ index: Int) -> [InputShape.Fault] {
        guard let first = places[nodes[index].name], first != index else { return [] }
        return [.init(pointer: "#/jobs/\(index)/name", detail: "is the name of #/jobs/\(first) too")]
    }

    private func parentFaults(_ index: Int) -> [InputShape.Fault] {
        var seen: Set<String> = []
        return nodes[index].parents.enumerated().compactMap { place, parent in
            let pointer = "#/jobs/\(index)/depends_on/\(place)"
            if places[parent] == nil { return .init(pointer: pointer, detail: "names no job of this flow: '\(parent.prefix(100))'") }
            return seen.insert(parent).inserted ? nil : .init(pointer: pointer, detail: "is there twice: '\(parent.prefix(100))'")
        }
    }

    private func fault(of cycle: [Int]) -> InputShape.Fault {
        let path = (cycle + cycle.prefix(1)).map { nodes[$0].name }
        let shown = path.count > 12 ? path.prefix(11) + ["…"] + path.suffix(1) : path[...]
        return .init(pointer: "#/jobs/\(cycle[0])/depends_on", detail: "makes a circle: \(shown.joined(separator: " → "))")
    }

    /// Nodes that depend on each other in a circle, each followed by one that it depends on; nil where there is none.
    private var cycle: [Int]? {
        let parents = nodes.map { $0.parents.compactMap { places[$0] } }
        var children = [[Int]](repeating: [], count: nodes.count)
        for (child, list) in parents.enumerated() { for parent in list { children[parent].append(child) } }
        var open = parents.map(\.count)
        var ready = open.indices.filter { open[$0] == 0 }
        while let done = ready.popLast() {
            for child in children[done] {
                open[child] -= 1
                if open[child] == 0 { ready.append(child) }
            }
        }
        return open.firstIndex { $0 > 0 }.flatMap { walk(up: parents, within: open, from: $0) }
    }

    /// Every node that could not be sorted has a parent of that sort: walking up must come around.
    private func walk(up parents: [[Int]], within open: [Int], from start: Int) -> [Int]? {
        var path: [Int] = []
        var places: [Int: Int] = [:]
        var node: Int? = start
        while let current = node {
            if let first = places[current] { return Array(path[first...]) }
            places[current] = path.count
            path.append(current)
            node = parents[current].first { open[$0] > 0 }
        }
        return nil
    }
}
