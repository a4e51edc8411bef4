/// A server's output: kept in a file beside its data, its last lines in memory, and watched for the line that says it is ready.
/// Redis and PostgreSQL both announce "ready to accept connections" after they have loaded and recovered their data.
import Glibc
import Synchronization

final class ServerLog: Sendable {
    private let file: Int32
    private let state = Mutex(State())
    private let (output, outputEnd) = AsyncStream<Void>.makeStream()

    private struct State {
        var lines: [String] = []
        var isReady = false
        var waiter: AsyncStream<Void>.Continuation?
    }

    init(path: String) { file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600) }

    deinit { if file >= 0 { close(file) } }

    var lastLines: [String] { state.withLock { $0.lines } }

    func append(_ line: String) {
        if file >= 0 {
            let bytes = Array((line + "\n").utf8)
            _ = write(file, bytes, bytes.count)
        }
        state.withLock { state in
            state.lines.append(line)
            if state.lines.count > 20 { state.lines.removeFirst() }
            guard line.contains("eady to accept connections") else { return }
            state.isReady = true
            state.waiter?.finish()
        }
    }

    /// Nothing more will be written.
    func end() { outputEnd.finish() }

    /// The last words come after the end: the reader may be behind the program.
    private func waitForLastWords() async {
        let limit = Task { [outputEnd] in
            try await Task.sleep(for: .seconds(2))
            outputEnd.finish()
        }
        for await _ in output {}
        limit.cancel()
    }

    /// Returns when the server is ready; throws with its last words when it ends first or takes too long.
    func waitUntilReady(_ child: ChildProcess, name: String, within limit: Duration = .seconds(60)) async throws(PrivateServerError) {
        let (ready, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { state in
            state.waiter = continuation
            if state.isReady { continuation.finish() }
        }
        let end = Task {
            if await child.exit() != nil { await waitForLastWords() }
            continuation.finish()
        }
        let clock = Task {
            try await Task.sleep(for: limit)
            continuation.finish()
        }
        for await _ in ready {}
        end.cancel()
        clock.cancel()
        if state.withLock({ $0.isReady }) { return }
        if let exit = child.exitIfEnded { throw .ended(name, exit, log: lastLines) }
        await child.stop(grace: .zero)
        throw .notReady(name, log: lastLines)
    }
}
