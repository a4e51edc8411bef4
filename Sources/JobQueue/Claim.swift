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
        case "ok": return .claimed(read(parts.dropFirst(), worker: worker, streams))
        default: throw unexpected(Scripts.claim, reply)
        }
    }

    private func read(_ parts: ArraySlice<RedisReply>, worker: String, _ streams: [String]) -> Claimed {
        var claimed = Claimed()
        claimed.paused = parts.first?.array?.compactMap(\.string) ?? []
        claimed.claims.reserveCapacity(parts.count / 2)
        let reader = PlainJobs(worker: worker, streams: streams.map { ($0, queueName(of: $0)) })
        var rest = parts.dropFirst()
        while let part = rest.popFirst() {
            guard let text = part.bytes else {
                read(part, worker, to: &claimed)
                continue
            }
            if let claim = reader.claim(text, input: rest.popFirst()?.bytes ?? []) {
                claimed.claims.append(claim)
            } else {
                logger.error("A job cannot be read; its entry stays pending", metadata: ["claim": "\(part.string ?? "")"])
            }
        }
        return claimed
    }

    private func read(_ part: RedisReply, _ worker: String, to claimed: inout Claimed) {
        guard let row = part.array, row.count == 4, let stream = row[0].string, let entry = row[1].string else { return }
        if row[2].string == "foreign" {
            claimed.foreign.append(ForeignEntry(stream: stream, entry: entry, fields: row[3].fields ?? [:]))
        } else if let job = row[3].fields.flatMap(JobHash.job) {
            claimed.claims.append(Claim(job: job, attempt: job.attempt, worker: worker, stream: stream, entry: entry))
        } else {
            logger.error("A job's hash cannot be read; its entry stays pending", metadata: ["entry": "\(entry)", "stream": "\(stream)"])
        }
    }
}

/// Reads plain jobs, whose first attempt begins: most jobs are, and none of their words is looked at twice.
private struct PlainJobs {
    let worker: String
    /// With the names of their queues. KEYS has the worker's hash in front of them.
    let streams: [(name: String, queue: String)]

    /// `stream number, entry, id, policy, kind` with spaces between them: see `claim.lua`.
    func claim(_ text: [UInt8], input: [UInt8]) -> Claim? {
        let words = text.split(separator: UInt8(ascii: " "), maxSplits: 9, omittingEmptySubsequences: false)
        guard words.count == 10, let number = JobHash.whole(words[0]), streams.indices.contains(number - 2), let id = JobID(words[2])
        else { return nil }
        // As in a hash: what cannot be read does not fit the kind, and the job fails for it.
        let input = (try? JSONReader.read(input, depth: 256)) ?? [:]
        let stream = streams[number - 2]
        let kind = String(decoding: words[9], as: UTF8.self)
        var job = Job(id: id, kind: kind, queue: stream.queue, state: .processing, input: input, createdAt: .init(milliseconds: 0))
        guard JobHash.read(policy: words[3..<9], into: &job) else { return nil }
        job.attempt = 1
        job.sequence = 2
        return Claim(job: job, attempt: 1, worker: worker, stream: stream.name, entry: String(decoding: words[1], as: UTF8.self))
    }
}
