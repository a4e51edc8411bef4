import JobModel

/// One job to ask for, and how it may end.
struct Order: Sendable {
    let kind: String
    let milliseconds: Int
    let steps: Int
    let priority: String
    /// Jobs of one key run one after the other.
    let key: String?
    /// Asked to stop soon after it was accepted.
    let isCancelled: Bool

    var isRecorded: Bool { kind != "fleeting" }

    var body: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(kind), "priority": .string(priority),
            "input": ["ms": .integer(Int64(milliseconds)), "steps": .integer(Int64(steps))],
        ]
        if let key { members["concurrency_key"] = .string(key) }
        return .object(members)
    }

    /// Terminal states that are right for it.
    var ends: Set<String> {
        let end = kind == "failing" || kind == "crash" ? "failed" : "completed"
        return isCancelled ? [end, "cancelled"] : [end]
    }

    /// A bit of everything.
    static func mixed(_ random: inout SeededRandom) -> Order {
        let kinds = ["effect", "effect", "effect", "slow", "slow", "slow", "slow", "retrying", "failing", "blocking", "fleeting"]
        if random.isTrue(percent: 15) { return order("slow", key: "key-\(Int.random(in: 1...3, using: &random))", &random) }
        return order(kinds.randomElement(using: &random) ?? "effect", &random)
    }

    /// 20 to 200 ms in one to four durable steps.
    static func slow(_ random: inout SeededRandom) -> Order { order("slow", &random) }

    static func order(_ kind: String, key: String? = nil, _ random: inout SeededRandom) -> Order {
        Order(
            kind: kind, milliseconds: Int.random(in: 20...200, using: &random), steps: Int.random(in: 1...4, using: &random),
            priority: ["urgent", "high", "medium", "medium", "low"].randomElement(using: &random) ?? "medium", key: key,
            isCancelled: kind != "crash" && random.isTrue(percent: 3))
    }
}

extension Order {
    /// The same job without a request to stop it.
    var kept: Order { Order(kind: kind, milliseconds: milliseconds, steps: steps, priority: priority, key: key, isCancelled: false) }
}
