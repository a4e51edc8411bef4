/// A supervised child process. It leads a process group of its own, and it ends with its parent even when the parent is killed by SIGKILL.
/// `Spawn` makes it; `PrivateRedis`, `PrivatePostgres` and the roof's `dev` use it.
import Glibc
import Synchronization

package enum ChildExit: Sendable, Equatable, CustomStringConvertible {
    case exited(Int32)
    case signalled(Int32)

    package var isSuccess: Bool { self == .exited(0) }

    package var description: String {
        switch self {
        case .exited(let code): "ended with exit code \(code)"
        case .signalled(let signal): "was ended by signal \(signal)"
        }
    }

    /// The encoding of wait(2): the low seven bits are the signal, the next byte the exit code.
    init(waitStatus status: Int32) {
        let signal = status & 0x7f
        self = signal == 0 ? .exited((status >> 8) & 0xff) : .signalled(signal)
    }
}

/// What to start. The program is an absolute path; the environment is this process' own unless one is given.
package struct ChildOrder: Sendable {
    package var program: String
    package var arguments: [String]
    package var environment: [String: String]?
    /// Asks the program to end: SIGTERM for most, SIGINT for PostgreSQL (its fast shutdown).
    package var stopSignal: Int32 = SIGTERM
    /// How long the guard waits between the stop signal and SIGKILL when the parent has died.
    package var graceSeconds = 5
    /// False: the child outlives this process. Its standard input then is a pipe that reads end-of-file when this process has gone.
    package var endsWithParent = true

    package init(_ program: String, _ arguments: [String] = []) {
        self.program = program
        self.arguments = arguments
    }
}

package final class ChildProcess: Sendable {
    package let processID: Int32
    private let order: ChildOrder
    private let state: Mutex<State>

    private struct State {
        var exit: ChildExit?
        var lifeline: Int32?
        var waiters: [Int: CheckedContinuation<ChildExit?, Never>] = [:]
        var nextWaiter = 0
    }

    /// Starts the program. `onLine` gets each line of its standard output and error, one after the other, on a thread of this child;
    /// without it the child writes where this process writes. `onEnd` follows the last line.
    package init(
        _ order: ChildOrder, onLine: (@Sendable (String) -> Void)? = nil, onEnd: @escaping @Sendable () -> Void = {}
    ) throws(PrivateServerError) {
        let spawned = try Spawn.start(order, capturesOutput: onLine != nil)
        self.order = order
        processID = spawned.processID
        state = Mutex(State(lifeline: spawned.lifeline))
        if let output = spawned.output, let onLine {
            DetachedThread.start {
                LineReader.read(output, onLine)
                onEnd()
            }
        }
        DetachedThread.start { self.waitForEnd() }
    }

    /// Waits for the end; nil when the waiting task is cancelled first.
    package func exit() async -> ChildExit? {
        let ticket = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: ChildExit?? = state.withLock { state in
                    if let exit = state.exit { return .some(exit) }
                    if Task.isCancelled { return .some(nil) }
                    state.waiters[ticket] = continuation
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: ticket) }?.resume(returning: nil)
        }
    }

    package var exitIfEnded: ChildExit? { state.withLock { $0.exit } }

    /// Asks the program to end, and kills its whole group when it has not ended after `grace`. Returns when it has ended.
    @discardableResult
    package func stop(grace: Duration = .seconds(5)) async -> ChildExit {
        thaw()
        signal(order.stopSignal)
        let deadline = Task {
            try await Task.sleep(for: grace)
            self.kill()
        }
        defer { deadline.cancel() }
        // A cancelled caller still gets its child stopped: the wait runs in a task of its own.
        return await Task { await self.exit() }.value ?? .signalled(SIGKILL)
    }

    /// SIGKILL to the whole group.
    package func kill() {
        state.withLock { if $0.exit == nil { _ = Glibc.kill(-processID, SIGKILL) } }
    }

    /// Stops the program where it is (SIGSTOP), not its guard.
    package func freeze() { signal(SIGSTOP) }
    package func thaw() { signal(SIGCONT) }

    /// Signals the program alone. Does nothing once it has ended: the number may belong to somebody else by then.
    package func signal(_ number: Int32) {
        state.withLock { if $0.exit == nil { _ = Glibc.kill(processID, number) } }
    }

    /// For a child that outlives its parent: gives it the end of its input early, as if this process had gone.
    package func closeInput() {
        state.withLock { state in
            guard !order.endsWithParent, let lifeline = state.lifeline else { return }
            close(lifeline)
            state.lifeline = nil
        }
    }

    /// Runs on a thread of its own. The group is swept before the child is reaped: until then nobody else can get its number.
    private func waitForEnd() {
        var information = siginfo_t()
        while waitid(P_PID, id_t(processID), &information, WEXITED | WNOWAIT) == -1, errno == EINTR {}
        let (exit, waiters) = state.withLock { state in
            if order.endsWithParent { _ = Glibc.kill(-processID, SIGKILL) }
            var status: Int32 = 0
            while waitpid(processID, &status, 0) == -1, errno == EINTR {}
            let exit = ChildExit(waitStatus: status)
            state.exit = exit
            if let lifeline = state.lifeline { close(lifeline) }
            state.lifeline = nil
            defer { state.waiters = [:] }
            return (exit, Array(state.waiters.values))
        }
        for waiter in waiters { waiter.resume(returning: exit) }
    }
}
