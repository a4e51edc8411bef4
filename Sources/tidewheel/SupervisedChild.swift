/// An API or a worker under `dev`: its lines go to standard error under its name, and it is started again when it ends unasked.
import Glibc
import Logging
import PrivateServers
import Synchronization

final class SupervisedChild: Sendable {
    private let name: String
    private let order: ChildOrder
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var child: ChildProcess?
        var isStopping = false
        var supervisor: Task<Void, Never>?
        var listeners: [AsyncStream<String>.Continuation] = []
    }

    init(_ name: String, _ order: ChildOrder, logger: Logger) {
        self.name = name
        self.order = order
        self.logger = logger
    }

    func start() {
        let task = Task { await supervise() }
        state.withLock { $0.supervisor = task }
    }

    /// The first line from now on that contains the text.
    func line(containing text: String, within limit: Duration) async throws -> String {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        state.withLock { $0.listeners.append(continuation) }
        let clock = Task {
            try await Task.sleep(for: limit)
            continuation.finish()
        }
        defer { clock.cancel() }
        for await line in lines where line.contains(text) { return line }
        try Task.checkCancellation()
        throw Refusal("\(name) did not start in time; its lines above say why.")
    }

    func stop(grace: Duration) async {
        let (child, supervisor) = state.withLock { state in
            state.isStopping = true
            return (state.child, state.supervisor)
        }
        await child?.stop(grace: grace)
        supervisor?.cancel()
        await supervisor?.value
    }

    /// Starts the process until it is told to stop; waits longer before each new start of one that ends at once.
    private func supervise() async {
        var pause = Duration.milliseconds(200)
        while !state.withLock({ $0.isStopping }) {
            let begin = ContinuousClock.now
            guard let end = await runOnce() else { return }
            if state.withLock({ $0.isStopping }) { return }
            pause = ContinuousClock.now - begin > .seconds(10) ? .milliseconds(200) : min(pause * 2, .seconds(5))
            logger.error("\(name) \(end); it is started again")
            do {
                try await Task.sleep(for: pause)
            } catch { return }
        }
    }

    private func runOnce() async -> String? {
        do {
            let child = try ChildProcess(order) { [self] line in tell(line) }
            let mustStop = state.withLock { state in
                state.child = child
                return state.isStopping
            }
            if mustStop { await child.stop() }
            return await child.exit().map { "\($0)" }
        } catch { return "\(error)" }
    }

    private func tell(_ line: String) {
        let bytes = Array("[\(name)] \(line)\n".utf8)
        _ = write(2, bytes, bytes.count)
        for listener in state.withLock({ $0.listeners }) { listener.yield(line) }
    }
}
