package import JobModel
package import RedisWire

/// What a worker told of its periodic duties lately.
package struct DutyReport: Sendable, Hashable {
    package let worker: String
    package let isLeader: Bool
    /// One object a duty: name, interval_ms, runs, failures, last_run, last_success, milliseconds, error.
    package let duties: [JSONValue]
}

extension JobQueue {
    /// One SET for all duties of a worker; forgotten by itself when the worker is gone.
    package func publishDuties(of worker: String, leads: Bool, _ duties: [JSONValue], for time: Duration) async throws(RedisError) {
        let document: JSONValue = ["leads": .boolean(leads), "duties": .array(duties)]
        let milliseconds = time.components.seconds * 1000
        _ = try await redis.command(
            ["SET", .string(keys.duties(worker)), .string(document.serialized), "PX", .integer(max(1000, milliseconds))])
    }

    /// The model servers as a worker sees them, one object each.
    package func publishModels(of worker: String, _ servers: [JSONValue], for time: Duration) async throws(RedisError) {
        let milliseconds = time.components.seconds * 1000
        _ = try await redis.command(
            ["SET", .string(keys.models(worker)), .string(JSONValue.array(servers).serialized), "PX", .integer(max(1000, milliseconds))])
    }

    /// What each of these workers told of the model servers; those that have not are left out.
    package func modelReports(of workers: [String]) async throws(RedisError) -> [(worker: String, servers: [JSONValue])] {
        guard !workers.isEmpty else { return [] }
        let replies = try await redis.command(["MGET"] + workers.map { .string(keys.models($0)) }).array ?? []
        return zip(workers, replies).compactMap { worker, reply in
            reply.string.flatMap { try? JSONReader.read($0) }?.array.map { (worker, $0) }
        }
    }

    /// The reports of these workers, in their order; a worker that has not reported yet has none.
    package func dutyReports(of workers: [String]) async throws(RedisError) -> [DutyReport] {
        guard !workers.isEmpty else { return [] }
        let replies = try await redis.command(["MGET"] + workers.map { .string(keys.duties($0)) }).array ?? []
        return zip(workers, replies).compactMap { worker, reply in
            guard let document = reply.string.flatMap({ try? JSONReader.read($0) }) else { return nil }
            return DutyReport(
                worker: worker, isLeader: document["leads"]?.boolean ?? false, duties: document["duties"]?.array ?? [])
        }
    }
}
