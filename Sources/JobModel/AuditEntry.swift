/// One change of state that a person or program made: who, what, when, and how it went.
package struct AuditEntry: Sendable, Hashable {
    package enum Actor: String, Sendable, CaseIterable {
        /// The holder of a key.
        case key
        /// Anybody on this machine: the API listens to it alone and asks for no keys.
        case loopback
        /// Anybody: the API was told to be open.
        case anonymous
        /// The command line.
        case console
    }

    package enum Outcome: String, Sendable, CaseIterable {
        case done
        /// Nothing was changed: the request was wrong, or what it was about stood otherwise.
        case refused
        /// It may have been changed: an error of ours, or of a store.
        case failed
    }

    package var id = JobID()
    package var at = Timestamp.now
    package let actor: Actor
    package var keyID: String?
    /// The key's name, or the user at the console.
    package var name: String?
    /// The other end of the connection: a proxy's, where there is one.
    package var address: String?
    /// A word such as `job.cancel`.
    package let action: String
    /// What it was done to: an id, a queue, `kind/web_crawl`.
    package var target = ""
    package var detail: JSONValue = [:]
    package var requestID: String?
    /// Nil: it began, and nobody came back to say how it ended.
    package var outcome: Outcome?
    /// Of the HTTP answer.
    package var status: Int?
    /// The type of the problem that was answered.
    package var problem: String?
    package var endedAt: Timestamp?

    package init(actor: Actor, action: String) {
        self.actor = actor
        self.action = action
    }
}

package struct AuditFilter: Sendable {
    package var actors: Set<AuditEntry.Actor> = []
    package var keyID: String?
    package var actions: [String] = []
    package var target: String?
    package var requestID: String?
    /// `open` stands for what has none.
    package var outcomes: Set<String> = []
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}
}
