internal import JobModel
internal import JobQueue
internal import NIOCore

/// What the server says over a WebSocket. docs/events.md describes each; a test compares the two.
enum SocketMessage {
    enum Name: String, CaseIterable {
        case authenticated, watching, progress, status, log, token, gap, snapshot, ended, unwatched, pong, error
    }

    enum Fault: String, CaseIterable {
        case invalidMessage = "invalid-message"
        case unknownType = "unknown-type"
        case notAuthenticated = "not-authenticated"
        case unknownJob = "unknown-job"
        case alreadyWatching = "already-watching"
        case notWatching = "not-watching"
        case tooManyWatches = "too-many-watches"
        case unavailable
    }

    static func make(_ name: Name, _ members: [String: JSONValue] = [:]) -> ByteBuffer {
        var members = members
        members["type"] = .string(name.rawValue)
        return SocketFrames.text(JSONValue.object(members).bytes)
    }

    static func watching(_ job: Job) -> ByteBuffer {
        make(
            .watching,
            [
                "job_id": .string(job.id.description), "kind": .string(job.kind), "status": .string(job.state.rawValue),
                "progress": .number(job.progress), "seq": .integer(job.sequence),
            ])
    }

    static func fault(_ fault: Fault, _ message: String, _ job: String? = nil) -> ByteBuffer {
        var members: [String: JSONValue] = ["code": .string(fault.rawValue), "message": .string(message)]
        members["job_id"] = job.map(JSONValue.string)
        return make(.error, members)
    }

    /// One event of a job, made once for all who watch it. `data` is the event without what stands beside it.
    static func event(_ event: WatchedEvent, of id: JobID) -> ByteBuffer {
        event.forms.form { EventFrame(bytes: frame(event, of: id)) }.bytes
    }

    private struct EventFrame: Sendable {
        let bytes: ByteBuffer
    }

    private static func frame(_ event: WatchedEvent, of id: JobID) -> ByteBuffer {
        var data = (try? JSONReader.read(event.json, depth: 256))?.object ?? [:]
        data["seq"] = nil
        data["event"] = nil
        var members: [String: JSONValue] = ["job_id": .string(id.description), "event": .string(event.name)]
        members["seq"] = event.sequence.map(JSONValue.integer)
        members["timestamp"] = data.removeValue(forKey: "timestamp")
        let name = name(of: event)
        if name == .status {
            members["status"] = data.removeValue(forKey: "status") ?? .string(event.name)
            members["result_data"] = data.removeValue(forKey: "result")
            members["error_message"] = data.removeValue(forKey: "error")
        }
        members["data"] = .object(data)
        return make(name, members)
    }

    /// Everything that changes the job's state is `status`.
    private static func name(of event: WatchedEvent) -> Name {
        switch JobEvent.Name(rawValue: event.name) {
        case .progress: .progress
        case .log: .log
        case .token: .token
        case .gap: .gap
        case .snapshot: .snapshot
        default: .status
        }
    }
}
