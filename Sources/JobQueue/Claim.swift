package import JobModel
internal import Logging
package import RedisWire

/// What a claim brought: jobs that this worker holds now, and entries of other programs that it must adopt.
package struct Claimed: Sendable {
    package var claims: [Claim] = []
    package var foreign: [ForeignEntry] = []
    /// Queues from which nothing is taken now.
    package var paused: [String] = []
}

/// An entry that another program added with its own fields (job_id, source_type, source_uri, …).
package struct ForeignEntry: Sendable, Hashable {
    package let stream: String
    package let entry: String
    package let fields: [String: String]
}

package enum ClaimReply: Sendable {
    case claimed(Claimed)
    /// Declared dead: cancel everything and start over under a new name.
    case dead
    /// The worker's hash is gone: beat, then claim again.
    case unregistered
}

extension JobQueue {
    /// Takes at most `count` jobs without waiting: `lowestFirst` of them from the last stream upwards, so that the lowest level gets its share,
    /// the others highest stream first.
    package func claim(
        for worker: String, from streams: [String], count: Int, lowestFirst: Int = 0
    ) async throws(RedisError) -> ClaimReply {
        let now = Timestamp.now
        let arguments: [RedisArgument] = [
            .string(worker), .integer(Int64(count)), now.argument, .string(now.description), .integer(Int64(min(lowestFirst, count))),
        ]
        return try await claim(worker, streams, arguments)
    }

    /// Takes the entry that a blocking read handed to this worker.
    package func claim(_ entry: DeliveredEntry, for worker: String) async throws(RedisError) -> ClaimReply {
        let now = Timestamp.now
        let arguments: [RedisArgument] = [
            .string(worker), 1, now.argument, .string(now.description), 0, .string(entry.stream), .string(entry.entry),
        ]
        return try await claim(worker, [entry.stream], arguments)
    }

    private func claim(_ worker: String, _ streams: [String], _ arguments: [RedisArgument]) async throws(RedisError) -> ClaimReply {
        let reply = try await run(Scripts.claim, keys: [keys.worker(worker)] + streams, arguments: arguments)
        guard let parts = reply.array else { throw unexpected(Scripts.claim, reply) }
        switch parts.first?.string {
        case "dead": return .dead
        case "unregistered": return .unregistered
        case "ok": return .claimed(read(parts.dropFirst(), worker: worker))
        default: throw unexpected(Scripts.claim, reply)
        }
    }

    private func read(_ parts: ArraySlice<RedisReply>, worker: String) -> Claimed {
        var claimed = Claimed()
        claimed.paused = parts.first?.array?.compactMap(\.string) ?? []
        claimed.claims.reserveCapacity(parts.count)
        var queues: [String: String] = [:]
        for part in parts.dropFirst() {
            guard let row = part.array, row.count >= 4, let stream = row[0].string, let entry = row[1].string else { continue }
            if row[2].string == "foreign" {
                claimed.foreign.append(ForeignEntry(stream: stream, entry: entry, fields: row[3].fields ?? [:]))
            } else if let job = job(of: row, stream: stream, &queues) {
                claimed.claims.append(Claim(job: job, attempt: job.attempt, worker: worker, stream: stream, entry: entry))
            } else {
                logger.error(
                    "A job's hash cannot be read; its entry stays pending", metadata: ["entry": "\(entry)", "stream": "\(stream)"])
            }
        }
        return claimed
    }

    private func job(of row: [RedisReply], stream: String, _ queues: inout [String: String]) -> Job? {
        guard row[2].string == "first" else { return row[3].fields.flatMap(JobHash.job) }
        guard row.count == 7, let id = row[3].string.flatMap(JobID.init), let kind = row[4].string, let input = row[5].bytes,
            let policy = row[6].string
        else { return nil }
        let queue = queues[stream] ?? queueName(of: stream)
        queues[stream] = queue
        return JobHash.first(id: id, kind: kind, queue: queue, input: input, policy: policy)
    }
}
