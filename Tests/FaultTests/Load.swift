import Synchronization
import TestServers

/// Clients that submit jobs until they are told to stop. Each request is repeated with its key until it was accepted; some are sent again
/// after that, and must give the same job.
final class Load: Sendable {
    let book: Book
    let door: Door
    /// In front of every Idempotency-Key: rows of this load are found by it.
    let name: String
    let fleet: Fleet
    private let state = Mutex<(isOver: Bool, clients: [Task<Void, any Error>])>((false, []))

    init(_ fleet: Fleet, name: String, book: Book = Book()) {
        self.fleet = fleet
        self.name = name
        self.book = book
        door = Door(fleet.apis, book: book)
    }

    /// `limit` jobs at most for each client; `pause` in milliseconds between two requests of one client.
    func start(
        clients: Int = 3, limit: Int = .max, pause: ClosedRange<Int> = 5...40, random: inout SeededRandom,
        order: @escaping @Sendable (inout SeededRandom) -> Order
    ) {
        for client in 0..<clients {
            let branch = random.branch()
            let task = Task { try await self.submit(client, limit, pause, branch, order) }
            state.withLock { $0.clients.append(task) }
        }
    }

    /// A client of another kind: one turn after the other until the load is over.
    func serve(_ random: inout SeededRandom, _ turn: @escaping @Sendable (Load, Int, inout SeededRandom) async throws -> Void) {
        let branch = random.branch()
        let task = Task {
            var random = branch
            var number = 0
            while !isOver {
                number += 1
                try await turn(self, number, &random)
                try await Task.sleep(for: .milliseconds(Int.random(in: 60...240, using: &random)))
            }
        }
        state.withLock { $0.clients.append(task) }
    }

    private var isOver: Bool { state.withLock { $0.isOver } }

    /// Returns when every request that was begun has been accepted.
    func finish() async throws {
        for client in state.withLock({ $0.clients }) { try await client.value }
    }

    func stop() async throws {
        state.withLock { $0.isOver = true }
        try await finish()
        try await endSchedule()
    }

    func waitForAccepted(_ count: Int) async throws {
        let target = book.count + count
        try await eventually(within: .seconds(40)) { book.count >= target }
    }

    private func submit(
        _ client: Int, _ limit: Int, _ pause: ClosedRange<Int>, _ branch: SeededRandom, _ order: @Sendable (inout SeededRandom) -> Order
    ) async throws {
        var random = branch
        var number = 0
        while number < limit, !isOver {
            number += 1
            let order = order(&random)
            let key = "\(name)-\(client)-\(number)"
            let id = try await door.submit(order, key: key)
            book.accept(id, order)
            if random.isTrue(percent: 5), order.isRecorded, try await door.submit(order, key: key) != id {
                book.note(wrong: "the key \(key) gave a second job after \(id)")
            }
            if order.isCancelled { _ = await door.send("POST", "/jobs/\(id)/cancel") }
            try await Task.sleep(for: .milliseconds(Int.random(in: pause, using: &random)))
        }
    }
}
