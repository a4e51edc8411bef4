internal import JobModel
internal import Synchronization

/// One event as watchers get it: read once, shared by all of them.
package struct WatchedEvent: Sendable, Hashable {
    /// Nil for what only some watchers get: `snapshot`, `gap` and `token`.
    package let sequence: Int64?
    package let name: String
    /// One line of JSON.
    package let json: String
    package let forms = EventForms()

    package var isTerminal: Bool {
        name == "completed" || name == "failed" || name == "cancelled"
    }

    init?(_ json: String) {
        guard let event = try? JSONReader.read(json, depth: 256), let name = event["event"]?.string else { return nil }
        self.init(sequence: event["seq"]?.integer.map(Int64.init), name: name, json: json)
    }

    package init(sequence: Int64?, name: String, json: String) {
        self.sequence = sequence
        self.name = name
        self.json = json
    }

    package static func == (one: WatchedEvent, other: WatchedEvent) -> Bool {
        one.sequence == other.sequence && one.name == other.name && one.json == other.json
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(sequence)
        hasher.combine(json)
    }
}

/// What an event looks like on each kind of wire: made by the first watcher that needs it, for all.
package final class EventForms: Sendable {
    private let made = Mutex<[any Sendable]>([])

    package func form<Form: Sendable>(_ make: () -> Form) -> Form {
        made.withLock { made in
            for case let form as Form in made { return form }
            let form = make()
            made.append(form)
            return form
        }
    }
}
