internal import JobModel

/// Names that clients of Ollama queues use, and ours; faults are told in the words that the caller used.
struct ClientWords: Sendable {
    static let table: [String: String] = [
        "modelName": "model", "jobType": "kind", "jobName": "title", "jobId": "job_id", "sessionID": "session_id",
        "sessionId": "session_id",
        "taskCategory": "task_category",
    ]

    /// By our name: the caller's.
    private let used: [String: String]

    /// The members under our names.
    static func ours(_ body: [String: JSONValue]) throws(Problem) -> (body: [String: JSONValue], words: ClientWords) {
        var members: [String: JSONValue] = [:]
        var used: [String: String] = [:]
        for (name, value) in body.sorted(by: { $0.key < $1.key }) {
            let ours = table[name] ?? name
            if let other = used[ours] {
                throw .invalid([InputShape.Fault(pointer: "#/\(name)", detail: "means the same as \(other): give one of them")])
            }
            used[ours] = name
            members[ours] = value
        }
        return (members, ClientWords(used: used))
    }

    func pointer(_ ours: String) -> String {
        var parts = ours.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count > 1 else { return ours }
        if parts[1] == "input", parts.count > 2 { parts.remove(at: 1) }
        parts[1] = used[parts[1]] ?? parts[1]
        return parts.joined(separator: "/")
    }

    func inClients(_ problem: Problem) -> Problem {
        guard let faults = problem.faults else { return problem }
        let told = faults.map { InputShape.Fault(pointer: pointer($0.pointer), detail: $0.detail) }
        return problem.with(["errors": .array(told.map { ["detail": .string($0.detail), "pointer": .string($0.pointer)] })])
    }
}
