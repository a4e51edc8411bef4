import JobModel
import TestServers

/// One job to ask for, and how it may end.
struct Order: Sendable {
    let kind: String
    let milliseconds: Int
    let steps: Int
    var priority: String
    /// Jobs of one key take turns.
    var key: String?
    /// At most one job of the key lives.
    var uniqueKey: String?
    /// Asked to stop soon after it was accepted.
    var isCancelled = false
    /// Jobs of its flow that must have ended before it starts.
    var parents: [String] = []
    /// A parent of it fails: it never starts.
    var isOrphaned = false

    var isRecorded: Bool { kind != "fleeting" }
    /// A dead letter that its client retries.
    var isMended: Bool { kind == "mending" }

    /// What it shares with others of which only so many run at once.
    var limit: (name: String, jobs: Int)? {
        if let uniqueKey { return ("unique \(uniqueKey)", 1) }
        if let key { return ("key \(key)", Limits.ofKeys[key] ?? 1) }
        return Limits.ofKinds[kind].map { ("kind \(kind)", $0) } ?? Limits.ofQueues[kind].map { ("queue \(kind)", $0) }
    }

    var body: JSONValue {
        var members: [String: JSONValue] = [
            "kind": .string(kind), "priority": .string(priority),
            "input": ["ms": .integer(Int64(milliseconds)), "steps": .integer(Int64(steps))],
        ]
        if let key { members["concurrency_key"] = .string(key) }
        if let uniqueKey { members["unique"] = ["key": .string(uniqueKey), "while": "active"] }
        return .object(members)
    }

    /// Terminal states that are right for it.
    var ends: Set<String> {
        let end = isOrphaned ? "cancelled" : kind == "failing" || kind == "crash" ? "failed" : "completed"
        return isCancelled ? [end, "cancelled"] : [end]
    }

    /// A bit of everything.
    static func mixed(_ random: inout SeededRandom) -> Order {
        let kinds = [
            "effect", "effect", "effect", "slow", "slow", "slow", "slow", "retrying", "failing", "blocking", "fleeting", "limited",
            "narrow",
            "halting",
        ]
        if random.isTrue(percent: 15) {
            return order("slow", key: ["key-1", "key-2", "wide"].randomElement(using: &random), &random)
        }
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
    var kept: Order {
        var order = self
        order.isCancelled = false
        return order
    }

    /// The same job before all others.
    var urgent: Order {
        var order = self
        order.priority = "urgent"
        return order
    }
}
