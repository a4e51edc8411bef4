package import JobModel
internal import Logging
package import RedisWire

/// What a worker asks for in one call.
package struct ClaimRequest: Sendable {
    /// Highest first.
    package var streams: [String]
    /// How many jobs to take from them: `lowestFirst` of these from the last stream upwards, so that the lowest level gets its share.
    package var count = 0
    package var lowestFirst = 0
    /// Entries of one of the streams that were handed to this worker.
    package var delivered: [DeliveredEntry] = []
    /// So many entries of this stream are read meanwhile, for the next call; then `count` does not reach it, nor what is below it.
    package var aside: (stream: String, count: Int)?

    package init(_ streams: [String], count: Int = 0, lowestFirst: Int = 0) {
        self.streams = streams
        self.count = count
        self.lowestFirst = min(lowestFirst, count)
    }
}

/// What Redis said to a claim: the next one can be asked for before this one is read.
package struct ClaimAnswer: Sendable {
    let reply: RedisReply
    /// Entries that were read aside, of one stream.
    package var delivered: [DeliveredEntry] = []
}

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
    /// Takes at most `count` jobs without waiting, highest stream first but for `lowestFirst` of them.
    package func claim(
        for worker: String, from streams: [String], count: Int, lowestFirst: Int = 0
    ) async throws(RedisError) -> ClaimReply {
        let request = ClaimRequest(streams, count: count, lowestFirst: lowestFirst)
        return try read(try await ask(request, for: worker), of: request, for: worker)
    }

    /// Takes the entry that a blocking read handed to this worker.
    package func claim(_ entry: DeliveredEntry, for worker: String) async throws(RedisError) -> ClaimReply {
        var request = ClaimRequest([entry.stream])
        request.delivered = [entry]
        return try read(try await ask(request, for: worker), of: request, for: worker)
    }

    /// One round trip: takes what was delivered and what the script reads, and reads what is asked for aside. After an error some of it may be
    /// pending for this worker, and is to be handed back.
    package func ask(_ request: ClaimRequest, for worker: String) async throws(RedisError) -> ClaimAnswer {
        let keys = [keys.worker(worker)] + request.streams
        let arguments = arguments(of: request, for: worker)
        guard let aside = request.aside else { return ClaimAnswer(reply: try await run(Scripts.claim, keys: keys, arguments: arguments)) }
        let (reply, other) = try await redis.runKept(
            Scripts.claim, keys: keys, arguments: arguments,
            beside: [
                "XREADGROUP", "GROUP", "workers", .string(worker), "COUNT", .integer(Int64(aside.count)), "STREAMS", .string(aside.stream),
                ">",
            ])
        return ClaimAnswer(reply: reply, delivered: DeliveredEntry.read(other))
    }

    /// The jobs in an answer to a request.
    package func read(_ answer: ClaimAnswer, of request: ClaimRequest, for worker: String) throws(RedisError) -> ClaimReply {
        guard let parts = answer.reply.array else { throw unexpected(Scripts.claim, answer.reply) }
        switch parts.first?.string {
        case "dead": return .dead
        case "unregistered": return .unregistered
        case "ok": return .claimed(read(parts.dropFirst(), of: request, for: worker))
        default: throw unexpected(Scripts.claim, answer.reply)
        }
    }

    private func arguments(of request: ClaimRequest, for worker: String) -> [RedisArgument] {
        /// KEYS has the worker's hash in front of the streams.
        func number(_ stream: String?) -> RedisArgument {
            stream.flatMap { request.streams.firstIndex(of: $0) }.map { .integer(Int64($0 + 2)) } ?? ""
        }
        let now = Timestamp.now
        var arguments: [RedisArgument] = [
            .string(worker), .integer(Int64(request.count)), now.argument, .string(now.description), .integer(Int64(request.lowestFirst)),
            number(request.aside?.stream), number(request.delivered.first?.stream),
        ]
        arguments.reserveCapacity(7 + 2 * request.delivered.count)
        for entry in request.delivered {
            arguments.append(.string(entry.entry))
            arguments.append(entry.job.map { .bytes($0.id) } ?? "")
        }
        return arguments
    }

    private func read(_ parts: ArraySlice<RedisReply>, of request: ClaimRequest, for worker: String) -> Claimed {
        var claimed = Claimed()
        claimed.paused = parts.first?.array?.compactMap(\.string) ?? []
        claimed.claims.reserveCapacity(parts.count)
        var reader = PlainJobs(worker: worker, streams: request.streams.map { ($0, queueName(of: $0)) })
        var rest = parts.dropFirst()
        for (entry, letter) in zip(request.delivered, rest.popFirst()?.bytes ?? []) {
            if letter == UInt8(ascii: "p") {
                add(reader.claim(entry), entry.entry, to: &claimed)
            } else if letter == UInt8(ascii: "c"), let row = rest.popFirst() {
                read(row, worker, to: &claimed)
            }
        }
        while let part = rest.popFirst() {
            guard let text = part.bytes else {
                read(part, worker, to: &claimed)
                continue
            }
            add(reader.claim(text, content: rest.popFirst()?.bytes ?? []), part.string ?? "", to: &claimed)
        }
        return claimed
    }

    private func add(_ claim: Claim?, _ words: @autoclosure () -> String, to claimed: inout Claimed) {
        guard let claim else {
            return logger.error("A job cannot be read; its entry stays pending", metadata: ["claim": "\(words())"])
        }
        claimed.claims.append(claim)
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

/// Reads plain jobs, whose first attempt begins: most jobs are. What one has in common with the one before is not read again.
private struct PlainJobs {
    let worker: String
    /// With the names of their queues. KEYS has the worker's hash in front of them.
    let streams: [(name: String, queue: String)]
    private var kind: (bytes: ArraySlice<UInt8>, name: String) = ([], "")
    private var policy: (bytes: ArraySlice<UInt8>, job: Job?) = ([], nil)

    init(worker: String, streams: [(name: String, queue: String)]) {
        self.worker = worker
        self.streams = streams
    }

    mutating func claim(_ delivered: DeliveredEntry) -> Claim? {
        guard let words = delivered.job, let stream = streams.first(where: { $0.name == delivered.stream }) else { return nil }
        return claim(stream, delivered.entry, words.id[...], words.kind[...], words.content)
    }

    /// `stream number, entry, id, kind` with spaces between them, and `policy input`: see `claim.lua`.
    mutating func claim(_ text: [UInt8], content: [UInt8]) -> Claim? {
        let words = text.split(separator: UInt8(ascii: " "), maxSplits: 3, omittingEmptySubsequences: false)
        guard words.count == 4, let number = JobHash.whole(words[0]), streams.indices.contains(number - 2) else { return nil }
        return claim(streams[number - 2], String(decoding: words[1], as: UTF8.self), words[2], words[3], content)
    }

    private mutating func claim(
        _ stream: (name: String, queue: String), _ entry: String, _ id: ArraySlice<UInt8>, _ kind: ArraySlice<UInt8>, _ content: [UInt8]
    ) -> Claim? {
        guard let id = JobID(id), let added = entry.utf8.firstIndex(of: UInt8(ascii: "-")).flatMap({ Int64(entry[..<$0]) }),
            let end = PlainJobs.endOfPolicy(content), let pattern = job(policy: content[..<end])
        else { return nil }
        if kind != self.kind.bytes { self.kind = (kind, String(decoding: kind, as: UTF8.self)) }
        // As in a hash: what cannot be read does not fit the kind, and the job fails for it.
        let input = (try? JSONReader.read(Array(content[(end + 1)...]), depth: 256)) ?? [:]
        var job = Job(
            id: id, kind: self.kind.name, queue: stream.queue, priority: pattern.priority, state: .processing, input: input, metadata: [:],
            isRecorded: pattern.isRecorded, maxAttempts: pattern.maxAttempts, timeoutMilliseconds: pattern.timeoutMilliseconds,
            // A plain job has one entry, since it was accepted.
            estimatedMilliseconds: pattern.estimatedMilliseconds, createdAt: Timestamp(milliseconds: added))
        job.attempt = 1
        job.sequence = 2
        return Claim(job: job, attempt: 1, worker: worker, stream: stream.name, entry: entry)
    }

    private static let blank = Job(id: JobID(), kind: "", queue: "", state: .processing, input: [:])

    /// A job of that policy, and nothing else of it.
    private mutating func job(policy bytes: ArraySlice<UInt8>) -> Job? {
        if bytes == policy.bytes { return policy.job }
        var job = PlainJobs.blank
        let isRead = JobHash.read(policy: bytes.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)[...], into: &job)
        policy = (bytes, isRead ? job : nil)
        return policy.job
    }

    /// The space behind the fifth word.
    private static func endOfPolicy(_ content: [UInt8]) -> Int? {
        var words = 0
        for (index, byte) in content.enumerated() where byte == UInt8(ascii: " ") {
            words += 1
            if words == 5 { return index }
        }
        return nil
    }
}
