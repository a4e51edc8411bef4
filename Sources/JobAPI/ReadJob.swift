internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import ServiceLifecycle

/// `GET /jobs/{id}` and its result. Pollers send the ETag back and get 304 until something changed, or let `Prefer: wait=N` hold the answer.
extension Reception {
    func readJob(_ exchange: Exchange) async throws -> Response {
        var job = try await desk.show(exchange.jobID())
        let known = exchange.header("If-None-Match").map(ETag.list)
        let wait = Prefer.wait(exchange)
        let isNews = known.map { !ETag.matches($0, ETag.of(job)) } ?? false
        if let wait, !job.state.isTerminal, !isNews { job = await hold(job, for: wait, untilEnd: false) }
        if let known, ETag.matches(known, ETag.of(job)) {
            return Response(status: .notModified, headers: [.eTag: ETag.of(job), .cacheControl: "private, no-cache", .vary: "Prefer"])
        }
        var response = try await document(of: job)
        Prefer.note(wait, in: &response)
        return response
    }

    func readResult(_ exchange: Exchange) async throws -> Response {
        let job = try await desk.read(exchange.jobID())
        guard job.state.isTerminal else { throw Problem.notFinished(job) }
        guard job.state == .completed else { throw Problem.withoutResult(job) }
        return Response(job.result ?? [:])
    }

    /// The status document with its log; without Redis the log is left out rather than the answer.
    func document(of job: Job) async throws -> Response {
        let log = (try? await desk.log(of: job.id)) ?? []
        return Response(
            JobDocument.of(job, log: log, durations: desk.durations, outlook: await desk.outlook(of: job)),
            headers: [.eTag: ETag.of(job), .cacheControl: "private, no-cache", .vary: "Prefer"])
    }

    /// The job at its next event, or at its end, or as it is after `seconds`. Takes a place of the event streams; without a free one
    /// the answer comes at once.
    func hold(_ job: Job, for seconds: Int, untilEnd: Bool) async -> Job {
        guard let place = streams.take() else { return job }
        defer { withExtendedLifetime(place) {} }
        await firstToEnd(within: .seconds(seconds)) {
            guard let watch = try? await desk.events(of: job, after: job.sequence) else { return }
            var events = watch.makeAsyncIterator()
            while let event = try? await events.next() {
                if event.isTerminal || !untilEnd { return }
            }
        }
        return (try? await desk.read(job.id)) ?? job
    }
}

/// Runs `work`, but no longer than `limit`, and not beyond the server's graceful shutdown.
func firstToEnd(within limit: Duration, _ work: @escaping @Sendable () async -> Void) async {
    await withTaskGroup(of: Void.self) { group in
        group.addTask { await work() }
        group.addTask { try? await Task.sleep(for: limit) }
        group.addTask { try? await gracefulShutdown() }
        await group.next()
        group.cancelAll()
    }
}

/// Weak tags: a tag changes with every numbered event and with the state.
enum ETag {
    static func of(_ job: Job) -> String {
        "W/\"\(job.sequence)-\(job.state.rawValue)\""
    }

    static func list(_ header: String) -> [String] {
        header.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    }

    /// Weak comparison (RFC 9110, 8.8.3.2): `W/` does not count.
    static func matches(_ list: [String], _ tag: String) -> Bool {
        list.contains { $0 == "*" || opaque($0) == opaque(tag) }
    }

    private static func opaque(_ tag: String) -> Substring {
        tag.hasPrefix("W/") ? tag.dropFirst(2) : tag[...]
    }
}

/// `Prefer: wait=N` (RFC 7240). Other preferences, and senseless ones, are ignored as the RFC wants.
enum Prefer {
    static let longestWaitSeconds = 60

    /// Seconds to hold the answer, at most 60.
    static func wait(_ exchange: Exchange) -> Int? {
        guard let header = exchange.header("Prefer") else { return nil }
        let words = header.lowercased().filter { $0 != " " }.split { $0 == "," || $0 == ";" }
        guard let value = words.first(where: { $0.hasPrefix("wait=") })?.dropFirst("wait=".count), let seconds = UInt32(value), seconds > 0
        else { return nil }
        return min(Int(seconds), longestWaitSeconds)
    }

    static func note(_ wait: Int?, in response: inout Response) {
        if let wait { response.headers[named: "Preference-Applied"] = "wait=\(wait)" }
    }
}
