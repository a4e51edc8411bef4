import Synchronization

/// What the clients know: what was accepted, what was refused, and what was shown that must never be shown.
final class Book: Sendable {
    private struct Pages {
        var accepted: [String: Order] = [:]
        var refusals: [String: Int] = [:]
        var wrongs: [String] = []
    }

    private let pages = Mutex(Pages())

    var accepted: [String: Order] { pages.withLock { $0.accepted } }
    var count: Int { pages.withLock { $0.accepted.count } }
    var refusals: [String: Int] { pages.withLock { $0.refusals } }
    var wrongs: [String] { pages.withLock { $0.wrongs } }

    func accept(_ id: String, _ order: Order) {
        pages.withLock { pages in
            if pages.accepted.updateValue(order, forKey: id) != nil { pages.wrongs.append("two keys were answered with the one job \(id)") }
        }
    }

    func count(refusal: String) { pages.withLock { $0.refusals[refusal, default: 0] += 1 } }

    func note(wrong: String) { pages.withLock { $0.wrongs.append(wrong) } }

    func randomID() -> String? { pages.withLock { $0.accepted.keys.randomElement() } }
}
