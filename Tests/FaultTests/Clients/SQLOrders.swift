import PostgresWire
import TestServers

/// A service that writes an order and its job in one transaction of its own, past every API. Some transactions roll back.
extension Load {
    func orderInSQL(_ number: Int, _ random: inout SeededRandom) async throws {
        let order = Order.order("effect", &random).kept
        let key = "\(name)-sql-\(number)"
        if random.isTrue(percent: 30) {
            _ = try? await write(order, key: key, rollsBack: true)
            return
        }
        while true {
            do {
                book.accept(try await write(order, key: key, rollsBack: false), order)
                return
            } catch let error as PostgresError where error.isRetryable {
                // Perhaps it was committed: the same key gives the same job.
                book.count(refusal: "SQL")
                try await Task.sleep(for: .milliseconds(Int.random(in: 20...200)))
            }
        }
    }

    private func write(_ order: Order, key: String, rollsBack: Bool) async throws -> String {
        let input = "{\"ms\": \(order.milliseconds)}"
        return try await fleet.database.transaction { (connection) throws(PostgresError) in
            let sql = "SELECT tidewheel.enqueue($1, $2::jsonb, priority => $3, idempotency_key => $4)::text AS id"
            let parameters: [PostgresValue] = [.text(order.kind), .text(input), .text(order.priority), .text(key)]
            guard let id = try connection.query(sql, parameters).first?.string("id") else { throw PostgresError(.decoding, "no id") }
            try connection.execute("INSERT INTO orders VALUES ($1, $2::uuid) ON CONFLICT DO NOTHING", [.text(key), .text(id)])
            if rollsBack { throw PostgresError(.cancelled, "the service thinks better of it") }
            return id
        }
    }

    /// Orders without their job, and jobs without their order.
    static func splitOrders(of name: String, in database: PostgresPool) async throws -> [String] {
        let sql = """
            SELECT coalesce(o.key, j.idempotency_key) AS key, o.key IS NULL AS is_without
            FROM (SELECT * FROM orders WHERE starts_with(key, $1)) o
            FULL JOIN (SELECT id, idempotency_key FROM jobs WHERE idempotency_scope = 'tidewheel.enqueue' AND starts_with(idempotency_key, $1)) j
                ON j.id = o.job
            WHERE o.key IS NULL OR j.id IS NULL
            """
        return try await database.query(sql, [.text(name)]).map { row in
            let key = try row.string("key")
            return try row.bool("is_without") ? "the job of \(key) was accepted without its order" : "the order \(key) has no job"
        }
    }
}
