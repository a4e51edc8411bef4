internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import Logging
internal import Synchronization

/// What a route says of a change beside what its path says.
final class AuditNotes: Sendable {
    private let kept = Mutex<(target: String?, detail: [String: JSONValue])>((nil, [:]))

    var target: String? { kept.withLock { $0.target } }
    var detail: JSONValue { .object(kept.withLock { $0.detail }) }

    /// `target` is what was made, where the path cannot know it.
    func add(target: String? = nil, _ detail: [String: JSONValue] = [:]) {
        kept.withLock { kept in
            kept.target = target ?? kept.target
            kept.detail.merge(detail) { $1 }
        }
    }
}

/// Changes of state, written down. The entry comes before the change: what cannot be written down is not done. A process that dies in between
/// leaves an entry without an outcome.
struct Audit: Sendable {
    private static let maxTargetBytes = 300
    private static let maxQueryBytes = 1_000
    private let ledger: JobLedger
    private let logger: Logger

    init(_ ledger: JobLedger, logger: Logger) {
        self.ledger = ledger
        self.logger = logger
    }

    func begin(_ action: String, _ exchange: Exchange) async throws(Problem) -> AuditEntry {
        var entry = AuditEntry(actor: exchange.caller.actor, action: action)
        entry.keyID = exchange.caller.key?.id
        entry.name = exchange.caller.key?.name
        entry.address = exchange.caller.address
        entry.target = Audit.text(exchange.captured.joined(separator: "/"), Audit.maxTargetBytes)
        if let query = exchange.request.uri.query { entry.detail = ["query": .string(Audit.text(query, Audit.maxQueryBytes))] }
        entry.requestID = exchange.requestID
        do { try await ledger.begin(entry) } catch {
            logger.warning("A change could not be written down and was not made", metadata: ["action": "\(action)", "error": "\(error)"])
            throw .unavailable("PostgreSQL, which keeps the audit log,", retryAfter: 2)
        }
        return entry
    }

    private static func text(_ whole: String, _ maxBytes: Int) -> String {
        String(decoding: whole.utf8.prefix(maxBytes), as: UTF8.self)
    }

    /// The change has been made or not, whatever becomes of this: an entry whose outcome cannot be written stays without one.
    func end(_ entry: AuditEntry, _ answer: Answer, _ notes: AuditNotes) async {
        var entry = entry
        let status = Int(answer.response.status.code)
        entry.outcome = status < 400 ? .done : status < 500 ? .refused : .failed
        entry.status = status
        entry.problem = answer.problem
        entry.target = notes.target ?? entry.target
        entry.detail = notes.detail
        let ended = entry
        // Also when the client has gone: its request was answered all the same.
        let failure = await Task.detached { [ledger] () -> String? in
            do { try await ledger.end(ended) } catch { return "\(error)" }
            return nil
        }.value
        guard let failure else { return }
        logger.warning(
            "The outcome of a change could not be written down",
            metadata: [
                "request_id": "\(entry.requestID ?? "")", "action": "\(entry.action)", "target": "\(entry.target)", "status": "\(status)",
                "error": "\(failure)",
            ])
    }
}

/// A response, and the problem it tells of.
struct Answer: Sendable {
    var response: Response
    var problem: String?
}
