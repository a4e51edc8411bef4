import JobModel
import TestServers

/// A diamond of four jobs: `top`, then `left` and `right`, then `bottom`. Some have a failing parent, some are cancelled on their way.
extension Load {
    func sendFlow(_ number: Int, _ random: inout SeededRandom) async throws {
        let key = "\(name)-flow-\(number)"
        let fails = random.isTrue(percent: 25)
        let runsAnyway = random.isTrue(percent: 50)
        let isCancelled = random.isTrue(percent: 10)
        var orders = ["top": "slow", "left": fails ? "failing" : "effect", "right": "limited", "bottom": "slow"].mapValues { kind in
            var order = Order.order(kind, &random).kept
            order.isCancelled = isCancelled
            return order
        }
        orders["bottom"]?.isOrphaned = fails && !runsAnyway
        let jobs = Self.parents.map { name, parents in
            var body = orders[name]?.body.object ?? [:]
            body["name"] = .string(name)
            body["depends_on"] = .array(parents.map { .string($0) })
            if runsAnyway { body["on_parent_failure"] = "run" }
            return JSONValue.object(body)
        }
        let body: JSONValue = ["name": .string(key), "jobs": .array(jobs)]
        let answer = try await door.insist("POST", "/flows", body, key: key)
        guard let flow = answer.body["flow_id"]?.string, let ids = answer.body["job_ids"]?.object?.compactMapValues(\.string),
            ids.count == 4
        else { throw Door.Refused(answer: answer) }
        book.accept(flow: flow, jobs: Array(ids.values))
        for (name, parents) in Self.parents {
            guard var order = orders[name], let id = ids[name] else { continue }
            order.parents = parents.compactMap { ids[$0] }
            book.accept(id, order)
        }
        if isCancelled { _ = await door.send("POST", "/flows/\(flow)/cancel") }
        guard random.isTrue(percent: 20) else { return }
        let again = try await door.insist("POST", "/flows", body, key: key).body["flow_id"]?.string
        if again != flow { book.note(wrong: "the key \(key) gave a second flow after \(flow): \(again ?? "none")") }
    }

    private static let parents = [("top", []), ("left", ["top"]), ("right", ["top"]), ("bottom", ["left", "right"])]
}
