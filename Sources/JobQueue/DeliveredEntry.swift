package import JobModel
internal import RedisWire

/// An entry that Redis handed to a worker: pending for it, not yet claimed.
package struct DeliveredEntry: Sendable, Hashable {
    package let stream: String
    package let entry: String
    /// What the entry of a job says; nil where it has other fields.
    let job: JobWords?

    /// The words of a job's entry.
    struct JobWords: Sendable, Hashable {
        let id: [UInt8]
        let kind: [UInt8]
        /// `policy input` of a plain job with a small input.
        let content: [UInt8]
    }

    init(stream: String, entry: String, fields: ArraySlice<RedisReply> = []) {
        self.stream = stream
        self.entry = entry
        job = JobWords(fields)
    }

    package var jobID: JobID? { job.flatMap { JobID($0.id[...]) } }

    /// All of what XREADGROUP answers.
    static func read(_ reply: RedisReply) -> [DeliveredEntry] {
        var found: [DeliveredEntry] = []
        for part in reply.array ?? [] {
            guard let part = part.array, part.count == 2, let stream = part[0].string, let rows = part[1].array else { continue }
            found.reserveCapacity(found.count + rows.count)
            for row in rows {
                guard let row = row.array, row.count == 2, let entry = row[0].string else { continue }
                found.append(DeliveredEntry(stream: stream, entry: entry, fields: (row[1].array ?? [])[...]))
            }
        }
        return found
    }
}

extension DeliveredEntry.JobWords {
    private static let names = ["job_id", "kind", "job"].map { Array($0.utf8) }

    /// Nil for other fields than a job's, in their order.
    init?(_ fields: ArraySlice<RedisReply>) {
        let names = DeliveredEntry.JobWords.names
        let first = fields.startIndex
        guard fields.count == 4 || fields.count == 6, fields[first].bytes == names[0], fields[first + 2].bytes == names[1],
            let id = fields[first + 1].bytes, let kind = fields[first + 3].bytes
        else { return nil }
        var content: [UInt8] = []
        if fields.count == 6 {
            guard fields[first + 4].bytes == names[2], let words = fields[first + 5].bytes else { return nil }
            content = words
        }
        self.init(id: id, kind: kind, content: content)
    }
}
