internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import JobQueue

/// `POST /queues/{q}/pause` and `/resume`: a paused queue takes jobs and starts none; what runs goes on. Both may be repeated.
extension Reception {
    func pauseQueue(_ exchange: Exchange) async throws -> Response {
        let name = exchange.captured.first ?? ""
        let who = try await PauseQueue.who(exchange) ?? exchange.caller.key?.name
        exchange.notes.add(["by": who.map(JSONValue.string) ?? .null])
        try await desk.pause(name, by: who)
        return Response(try await queueState(name))
    }

    func resumeQueue(_ exchange: Exchange) async throws -> Response {
        let name = exchange.captured.first ?? ""
        try await desk.resume(name)
        return Response(try await queueState(name))
    }

    private func queueState(_ name: String) async throws -> JSONValue {
        let pause = try await desk.pausedQueues().first { $0.name == name }
        let counts = try? await desk.queue.counts(of: [name]).first
        return PauseQueue.document(name, pause, counts)
    }
}

enum PauseQueue {
    static let shape = InputShape([.init("by", .text(maxLength: 200), "who pauses the queue")])

    /// The body is optional: `{"by": "ada"}`.
    static func who(_ exchange: Exchange) async throws -> String? {
        try SubmitJob.accept(await BodyReader.optionalObject(of: exchange.request), shape)["by"]?.string
    }

    static func document(_ name: String, _ pause: PausedQueue?, _ counts: QueueCounts?) -> JSONValue {
        var document: [String: JSONValue] = ["queue": .string(name), "paused": .boolean(pause != nil)]
        document["paused_at"] = pause.map { .string($0.since.description) }
        document["paused_by"] = pause?.by.map(JSONValue.string)
        document["waiting"] = counts.map { .integer(Int64($0.waiting)) }
        document["running"] = counts.map { .integer(Int64($0.running)) }
        return .object(document)
    }
}
