internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import NIOCore
internal import ServiceLifecycle

/// The API asked from inside, by a caller who was let in: the routes, what they need of a key, the audit log and the problems are those of
/// requests over HTTP. The request that it serves was charged already; jobs are charged as they are submitted.
struct InnerDoor: APIDoor {
    let reception: Reception
    let exchange: Exchange

    var asksForKeys: Bool { reception.doorkeeper.asksForKeys }

    func ask(_ request: DoorRequest) async throws(APIAway) -> DoorAnswer {
        do {
            return try await answer(request)
        } catch { throw APIAway("The request was given up: \(type(of: error)). Repeat it.") }
    }

    private func answer(_ given: DoorRequest) async throws -> DoorAnswer {
        let responder = Responder(reception: reception, site: nil)
        let response = try await responder.told(given.path, exchange.requestID) {
            let request = httpRequest(given)
            let (route, captured) = try Routes.match(request.method, given.path)
            try reception.doorkeeper.require(route.access, of: exchange.caller)
            let inner = Exchange(
                request: request, captured: captured, requestID: exchange.requestID, caller: exchange.caller, channel: exchange.channel)
            try inner.check(route)
            return try await responder.perform(route, inner, given.path)
        }.response
        let fields = response.headers.map { ($0.name.canonicalName, $0.value) }
        return DoorAnswer(
            status: Int(response.status.code), headers: Dictionary(fields, uniquingKeysWith: { first, _ in first }),
            body: (try? JSONReader.read(try await Collector.bytes(of: response.body), depth: 256)) ?? .null)
    }

    private func httpRequest(_ given: DoorRequest) -> Request {
        var headers: HTTPFields = [:]
        for (name, value) in given.headers { headers[named: name] = value }
        let body = given.body?.bytes ?? []
        if given.body != nil {
            headers[.contentType] = "application/json"
            headers[.contentLength] = String(body.count)
        }
        let head = HTTPRequest(
            method: HTTPRequest.Method(rawValue: given.method) ?? .get, scheme: nil, authority: exchange.request.head.authority,
            path: given.target, headerFields: headers)
        return Request(head: head, body: RequestBody(buffer: ByteBuffer(bytes: body)))
    }

    /// Takes a place of the event streams; without a free one it ends at once, and the caller is answered with what is known.
    func events(of job: String, after: Int64?) -> AsyncStream<JSONValue> {
        let (stream, continuation) = AsyncStream<JSONValue>.makeStream()
        let task = Task {
            await follow(job, after) { continuation.yield($0) }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }

    private func follow(_ job: String, _ after: Int64?, _ told: (JSONValue) -> Void) async {
        guard let id = JobID(job), let place = reception.streams.take() else { return }
        defer { withExtendedLifetime(place) {} }
        do {
            try reception.doorkeeper.require(.read, of: exchange.caller)
            let watch = try await reception.desk.events(of: id, after: after)
            for try await event in watch.cancelOnGracefulShutdown() {
                guard reception.doorkeeper.stillAdmits(exchange.caller) else { return }
                if let json = try? JSONReader.read(event.json, depth: 256) { told(json) }
            }
        } catch {
            // Whoever waits looks at the job again, and is told then.
        }
    }
}

/// A response's body in one piece. What tools ask for are documents.
private struct Collector: ResponseBodyWriter {
    final class Bytes {
        var all: [UInt8] = []
    }

    let kept: Bytes

    mutating func write(_ buffer: ByteBuffer) async throws {
        kept.all += buffer.readableBytesView
    }

    consuming func finish(_ trailingHeaders: HTTPFields?) async throws {}

    static func bytes(of body: ResponseBody) async throws -> [UInt8] {
        let kept = Bytes()
        try await body.write(Collector(kept: kept))
        return kept.all
    }
}
