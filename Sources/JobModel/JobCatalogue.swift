internal import Synchronization

/// Every kind there is, by name: those that are compiled in, and those that other programs registered. The door asks it whether an input fits;
/// queues are what its kinds name. Copies share what they know of registered kinds; `JobDesk/Kinds` keeps it up to date.
package struct JobCatalogue: Sendable {
    package let builtIn: [JobKind]
    package let builtInQueues: [String]
    private let book: KindBook

    package init(_ kinds: [JobKind]) {
        builtIn = kinds
        book = KindBook(kinds)
        builtInQueues = book.page.queues
    }

    package var kinds: [JobKind] { book.page.kinds }

    package subscript(name: String) -> JobKind? { book.page.byName[name] }

    /// Names of all queues, each once, in the order of the kinds.
    package var queues: [String] { book.page.queues }

    /// What other programs have registered, in the order of names.
    package var registered: [JobKind] { kinds.filter(\.isRegistered) }

    /// Replaces the registered kinds. One that has a built-in one's name or queue is left out: its jobs are the other one's to run.
    /// False: nothing changed.
    @discardableResult
    package func know(_ registered: [JobKind]) -> Bool {
        let queues = Set(builtInQueues)
        let names = Set(builtIn.map(\.name))
        return book.turn(to: builtIn + registered.filter { !names.contains($0.name) && !queues.contains($0.queue) })
    }
}

/// What copies of a catalogue share. Reading costs a lock; what is read is never changed.
private final class KindBook: Sendable {
    struct Page: Sendable {
        let kinds: [JobKind]
        let byName: [String: JobKind]
        let queues: [String]

        init(_ kinds: [JobKind]) {
            self.kinds = kinds
            byName = Dictionary(kinds.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
            var seen: Set<String> = []
            queues = kinds.map(\.queue).filter { seen.insert($0).inserted }
        }
    }

    private let state: Mutex<Page>

    init(_ kinds: [JobKind]) { state = Mutex(Page(kinds)) }

    var page: Page { state.withLock { $0 } }

    func turn(to kinds: [JobKind]) -> Bool {
        state.withLock { page in
            let (before, now) = (page.kinds.filter(\.isRegistered), kinds.filter(\.isRegistered))
            guard before.map(\.registration) != now.map(\.registration) else { return false }
            page = Page(kinds)
            return true
        }
    }
}
