/// What a crawl knows of: addresses waiting, addresses and contents seen. Shared by the visits of one job.
import JobModel
import PageText
import Synchronization

final class CrawlFrontier: Sendable {
    struct Entry: Sendable {
        let address: WebAddress
        let depth: Int
        var isStart: Bool { depth == 0 }
    }

    private struct State {
        var queue: [Entry] = []
        var head = 0
        /// From the sitemap: taken when no link is left.
        var late: [Entry] = []
        var lateHead = 0
        var known: Set<WebAddress> = []
        var contents: Set<String> = []
        var isFull = false
    }

    private let plan: CrawlPlan
    private let state: Mutex<State>

    init(_ plan: CrawlPlan) {
        self.plan = plan
        var state = State()
        state.queue = [Entry(address: plan.start, depth: 0)]
        state.known = [plan.start]
        self.state = Mutex(state)
    }

    var waiting: Int { state.withLock { $0.queue.count - $0.head + $0.late.count - $0.lateHead } }
    var isFull: Bool { state.withLock { $0.isFull } }

    func next() -> Entry? {
        state.withLock { state in
            if state.head < state.queue.count {
                defer { state.head += 1 }
                return state.queue[state.head]
            }
            // A late address may have been reached by a link since.
            while state.lateHead < state.late.count {
                defer { state.lateHead += 1 }
                if state.known.insert(state.late[state.lateHead].address).inserted { return state.late[state.lateHead] }
            }
            return nil
        }
    }

    func addLate(_ addresses: [WebAddress]) {
        let allowed = addresses.filter(plan.allows).prefix(plan.maxKnown)
        state.withLock { $0.late = allowed.map { Entry(address: $0, depth: 1) } }
    }

    /// Queues those that are new, allowed and near enough, and returns them: each address is returned once in a crawl.
    func add(_ links: [String], foundAt depth: Int) -> [String] {
        guard depth < plan.maxDepth else { return [] }
        let addresses = links.compactMap { WebAddress($0) }.filter(plan.allows)
        return state.withLock { state in
            var new: [String] = []
            for address in addresses {
                guard state.known.count < plan.maxKnown else {
                    state.isFull = true
                    break
                }
                guard state.known.insert(address).inserted else { continue }
                state.queue.append(Entry(address: address, depth: depth + 1))
                new.append(address.description)
            }
            return new
        }
    }

    /// False when the address that a redirect led to is known already: it was or will be fetched by itself.
    func claim(_ address: WebAddress) -> Bool {
        state.withLock { $0.known.insert(address).inserted }
    }

    /// False when a page with the same words was met before.
    func claimContent(_ hash: String) -> Bool {
        state.withLock { $0.contents.insert(hash).inserted }
    }
}
