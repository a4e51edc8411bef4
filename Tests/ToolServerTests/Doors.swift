import JobModel
import Synchronization

@testable import ToolServer

/// An API that answers as a test says, and remembers what it was asked.
final class StubDoor: APIDoor {
    private let answers: @Sendable (DoorRequest) -> DoorAnswer
    private let told: [JSONValue]
    private let kept = Mutex<[DoorRequest]>([])
    /// Whether the events of jobs end, or go on for ever.
    private let endsEvents: Bool

    init(
        events: [JSONValue] = [], endsEvents: Bool = true, _ answers: @escaping @Sendable (DoorRequest) -> DoorAnswer = { _ in .ok([:]) }
    ) {
        told = events
        self.endsEvents = endsEvents
        self.answers = answers
    }

    let asksForKeys = false
    var asked: [DoorRequest] { kept.withLock { $0 } }

    func ask(_ request: DoorRequest) async throws(APIAway) -> DoorAnswer {
        if request.path == "/kinds" { return .ok(["kinds": .array(Kinds.documents)]) }
        kept.withLock { $0.append(request) }
        return answers(request)
    }

    func events(of job: String, after: Int64?) -> AsyncStream<JSONValue> {
        let (stream, continuation) = AsyncStream<JSONValue>.makeStream()
        for event in told { continuation.yield(event) }
        if endsEvents { continuation.finish() }
        return stream
    }
}

extension DoorAnswer {
    static func ok(_ body: JSONValue, status: Int = 200) -> DoorAnswer { DoorAnswer(status: status, headers: [:], body: body) }

    static func problem(_ status: Int, _ type: String, _ more: [String: JSONValue] = [:]) -> DoorAnswer {
        let document: [String: JSONValue] = [
            "type": .string("urn:tidewheel:problem:\(type)"), "title": "A title", "detail": "A detail.",
        ]
        return .ok(.object(document.merging(more) { $1 }), status: status)
    }
}
