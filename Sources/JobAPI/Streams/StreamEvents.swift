internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import NIOCore
internal import Synchronization

/// `GET /jobs/{id}/events`: every event of a job as server-sent events, first what was missed, then live, until the job has ended.
/// A watcher that reconnects with `Last-Event-ID` misses nothing; after the last event it is told to stay away (204).
extension Reception {
    func streamEvents(_ exchange: Exchange) async throws -> Response {
        try exchange.allowQuery("last_event_id")
        let job = try await desk.read(exchange.jobID())
        let last = try StreamEvents.lastEventID(exchange)
        if let last, StreamEvents.isEnd(last, of: job) { return Response(status: .noContent) }
        // A number from before a loss of Redis is from another count: begin anew.
        let topics = Topics(job.id, at: last.flatMap { $0 <= job.sequence ? $0 : nil } ?? 0)
        return try stream(exchange, topics, [job.id: job], form: .job)
    }

    /// Ends by itself with its jobs, on graceful shutdown, and when the client goes. The request's task only waits: `StreamHandler` writes.
    func stream(_ exchange: Exchange, _ topics: Topics, _ jobs: [JobID: Job], form: StreamSession.Form) throws -> Response {
        guard let place = streams.take() else { throw Problem.tooManyStreams }
        let (desk, doorkeeper, caller, channel) = (desk, doorkeeper, exchange.caller, exchange.channel)
        // The body lives as long as the stream; what it begins with does not.
        let start = FirstJobs(jobs)
        return Response(
            status: .ok, headers: StreamEvents.headers,
            body: ResponseBody { writer in
                defer { withExtendedLifetime(place) {} }
                // No blank line behind it: it belongs to the first event, because some clients take every block for an event.
                try await writer.write(ByteBuffer(string: "retry: 2000\n"))
                try? await StreamHandler.run(on: channel) {
                    StreamSession(topics, start.take(), form, desk: desk) { doorkeeper.stillAdmits(caller) }
                }
                try await writer.finish(nil)
            })
    }
}

enum StreamEvents {
    static var headers: HTTPFields {
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store", .connection: "close"]
        headers[named: "X-Accel-Buffering"] = "no"
        return headers
    }

    /// Events have one line of JSON and names of our own: nothing in them can begin a line.
    static func frame(_ event: WatchedEvent) -> Frame {
        event.forms.form {
            let id = event.sequence.map { "id: \($0)\n" } ?? ""
            return Frame(bytes: ByteBuffer(string: "\(id)event: \(event.name)\ndata: \(event.json)\n\n"))
        }
    }

    /// An event as a stream of one job has it: the same for all who watch.
    struct Frame: Sendable {
        let bytes: ByteBuffer
    }

    /// The header wins: a browser's reconnect sends it, while the URL still has the number of the first call.
    static func lastEventID(_ exchange: Exchange) throws(Problem) -> Int64? {
        guard let text = exchange.header("Last-Event-ID") ?? exchange.query("last_event_id"), !text.isEmpty else { return nil }
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int64(text),
            number <= JobEvent.greatestNumber
        else {
            throw .badHeader("Last-Event-ID", "must be the id of an event of this stream: a whole number")
        }
        return number
    }

    /// Whether this was the last event. A job that only SQL still knows (its number is 0) has one event, number 1.
    static func isEnd(_ last: Int64, of job: Job) -> Bool {
        job.state.isTerminal && (job.sequence > 0 ? last == job.sequence : last == 1)
    }
}

/// Taken once.
private final class FirstJobs: Sendable {
    private let jobs: Mutex<[JobID: Job]>

    init(_ jobs: [JobID: Job]) {
        self.jobs = Mutex(jobs)
    }

    func take() -> [JobID: Job] {
        jobs.withLock { jobs in
            defer { jobs = [:] }
            return jobs
        }
    }
}
