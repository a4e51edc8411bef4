internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `GET /events?topics=job:<id>,…`: the events of many jobs as one stream, because a browser opens six connections to a host and no more.
/// The id of each event says where the stream stands in every job, so that a reconnect resumes all of them. Ends when all jobs have ended.
extension Reception {
    func streamTopics(_ exchange: Exchange) async throws -> Response {
        var topics = try Topics(exchange.query("topics") ?? "")
        let last = exchange.header("Last-Event-ID") ?? exchange.query("last_event_id") ?? ""
        if !last.isEmpty { try topics.resume(at: last) }
        let jobs = try await desk.read(topics.ids)
        guard !jobs.isEmpty else { throw Problem.unknownJob }
        if !last.isEmpty, topics.haveEnded(jobs) { return Response(status: .noContent) }
        topics.restart(jobs)
        return try stream(exchange, topics, jobs, form: .topics)
    }
}

/// Which jobs a stream follows, and how far it has come in each.
struct Topics: Sendable {
    static let most = 200
    let ids: [JobID]
    /// Numbers of the latest events, in the order of the ids.
    private(set) var positions: [Int64]
    /// An id of another list of jobs would resume each at the place of another.
    private let fingerprint: String

    init(_ text: String) throws(Problem) {
        var (ids, positions): ([JobID], [Int64]) = ([], [])
        for word in text.split(separator: ",") {
            guard word.hasPrefix("job:") else { throw .badQuery("topics", "must be a list of job:<id> or job:<id>@<seq>") }
            let parts = word.dropFirst(4).split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false)
            guard let id = JobID(String(parts[0])) else { throw .badQuery("topics", "names a job that cannot be: \(parts[0].prefix(50))") }
            guard let position = parts.count == 1 ? 0 : Topics.number(parts[1], radix: 10) else {
                throw .badQuery("topics", "has something else than the number of an event behind an @")
            }
            guard !ids.contains(id) else { throw .badQuery("topics", "names job \(id) twice") }
            ids.append(id)
            positions.append(position)
        }
        guard 1...Topics.most ~= ids.count else { throw .badQuery("topics", "must name 1 to \(Topics.most) jobs: job:<id>,job:<id>") }
        (self.ids, self.positions, fingerprint) = (ids, positions, Topics.fingerprint(of: ids))
    }

    /// `<which jobs>:<number>.<number>…`, numbers in base 36, nothing for 0.
    var id: String {
        fingerprint + ":" + positions.map { $0 == 0 ? "" : String($0, radix: 36) }.joined(separator: ".")
    }

    private static func fingerprint(of ids: [JobID]) -> String {
        String(Digest.sha256(ids.map(\.description).joined(separator: ",")).prefix(8))
    }

    mutating func resume(at id: String) throws(Problem) {
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts[0] == fingerprint else {
            throw .badHeader("Last-Event-ID", "must be an id of a stream of the same topics")
        }
        let numbers = parts[1].split(separator: ".", omittingEmptySubsequences: false).map { $0.isEmpty ? 0 : Topics.number($0, radix: 36) }
        guard numbers.count == ids.count, numbers.allSatisfy({ $0 != nil }) else {
            throw .badHeader("Last-Event-ID", "must be an id of a stream of the same topics")
        }
        positions = numbers.compactMap(\.self)
    }

    private static func number(_ text: Substring, radix: Int) -> Int64? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) }) else { return nil }
        return Int64(text, radix: radix).flatMap { $0 <= JobEvent.greatestNumber ? $0 : nil }
    }

    /// One job alone.
    init(_ id: JobID, at position: Int64) {
        ids = [id]
        positions = [position]
        fingerprint = Topics.fingerprint(of: ids)
    }

    mutating func pass(_ sequence: Int64, of index: Int) { positions[index] = sequence }

    /// Jobs that nobody knows any more have ended.
    func haveEnded(_ jobs: [JobID: Job]) -> Bool {
        zip(ids, positions).allSatisfy { id, position in jobs[id].map { StreamEvents.isEnd(position, of: $0) } ?? true }
    }

    /// A number from before a loss of Redis is from another count: begin anew.
    mutating func restart(_ jobs: [JobID: Job]) {
        for (index, id) in ids.enumerated() {
            if let job = jobs[id], job.sequence > 0, positions[index] > job.sequence { positions[index] = 0 }
        }
    }
}
