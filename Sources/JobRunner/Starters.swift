internal import DequeModule
internal import Glibc
internal import Synchronization

/// Starts attempts on the shared pool. One task takes one attempt after the other and runs each up to where it first waits: a short job costs no
/// switch of tasks or threads. Where many wait there are more such tasks, at most one a core; a handler that computes without a pause holds
/// one, and `help` sends another.
final class Starters: Sendable {
    private struct State {
        var waiting = Deque<Execution>()
        var running = 0
    }

    private let most = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
    private let state = Mutex(State())

    private static let shareOfOne = 64

    func start(_ executions: [Execution]) {
        send { state in
            state.waiting.append(contentsOf: executions)
            return state.waiting.count > Self.shareOfOne * state.running
        }
    }

    /// Somebody has waited since the clock's last tick: who should start it is held up.
    func help() {
        send { !$0.waiting.isEmpty }
    }

    private func send(_ isNeeded: (inout State) -> Bool) {
        let mustSend = state.withLock { state in
            guard isNeeded(&state), state.running < most else { return false }
            state.running += 1
            return true
        }
        if mustSend { Task.detached { self.run() } }
    }

    private func run() {
        while let execution = next() { execution.begin() }
    }

    private func next() -> Execution? {
        state.withLock { state in
            if let execution = state.waiting.popFirst() { return execution }
            state.running -= 1
            return nil
        }
    }
}
