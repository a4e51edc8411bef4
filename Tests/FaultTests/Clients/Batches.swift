import JobModel
import TestServers

/// Several jobs in one request, which is repeated as a whole until each of them is accepted.
extension Load {
    func sendBatch(_ number: Int, _ random: inout SeededRandom) async throws {
        let orders = (0..<Int.random(in: 2...8, using: &random)).map { _ in Order.mixed(&random).kept }
        let key = "\(name)-batch-\(number)"
        let hasOwnKeys = random.isTrue(percent: 50)
        let members = orders.enumerated().map { place, order in
            var body = order.body.object ?? [:]
            if hasOwnKeys { body["idempotency_key"] = .string("\(key):\(place)") }
            return JSONValue.object(body)
        }
        let batch = Batch(orders: orders, body: ["jobs": .array(members)], key: key)
        let ids = try await accepted(batch)
        for (id, order) in zip(ids, orders) { book.accept(id, order) }
        guard random.isTrue(percent: 20) else { return }
        for (place, (before, now)) in zip(ids, try await accepted(batch)).enumerated() where before != now && orders[place].isRecorded {
            book.note(wrong: "member \(place) of the batch \(key) gave a second job, \(now) after \(before)")
        }
    }

    private struct Batch {
        let orders: [Order]
        let body: JSONValue
        let key: String
    }

    /// Ids of all members. A member that was answered once has that job in every later answer.
    private func accepted(_ batch: Batch) async throws -> [String] {
        var known: [Int: String] = [:]
        while known.count < batch.orders.count {
            let answer = try await door.insist("POST", "/jobs/batch", batch.body, key: batch.key)
            for (place, item) in (answer.body["items"]?.array ?? []).enumerated() {
                guard let id = item["job_id"]?.string else {
                    book.count(refusal: "a member")
                    continue
                }
                if let before = known.updateValue(id, forKey: place), before != id, batch.orders[place].isRecorded {
                    book.note(wrong: "member \(place) of the batch \(batch.key) is \(id), and was \(before)")
                }
            }
            if known.count < batch.orders.count { try await Task.sleep(for: .milliseconds(100)) }
        }
        return batch.orders.indices.compactMap { known[$0] }
    }
}
