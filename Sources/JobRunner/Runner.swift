package import JobDesk
package import JobModel
package import Logging
internal import Synchronization

/// A worker process: one life after another. A life ends when the worker leaves, or when it was declared dead (it was frozen);
/// then its handlers are cancelled, their results dropped, and it starts over under a new name.
package final class Runner: Sendable {
    private let desk: JobDesk
    private let handlers: [String: any JobHandler]
    private let settings: RunnerSettings
    private let launchSuspects: SuspectLauncher?
    private let onAsked: (@Sendable () -> Void)?
    private let logger: Logger
    private let state = Mutex(State())

    private struct State {
        var life: WorkerLife?
        var isDraining = false
    }

    /// `launchSuspects` starts a one-slot process for suspects and returns when it has ended; without it suspects wait for other workers.
    /// `onAsked` is called, more than once, when somebody asks this worker to leave over Redis; this one drains by itself.
    package init(
        desk: JobDesk, handlers: [any JobHandler], settings: RunnerSettings, launchSuspects: SuspectLauncher? = nil,
        onAsked: (@Sendable () -> Void)? = nil, logger: Logger
    ) {
        self.desk = desk
        self.handlers = Dictionary(handlers.map { ($0.kind.name, $0) }, uniquingKeysWith: { first, _ in first })
        self.settings = settings
        self.launchSuspects = launchSuspects
        self.onAsked = onAsked
        self.logger = logger
    }

    /// Works until `drain` was called and everything has been finished or handed back.
    package func run() async {
        while true {
            let life = WorkerLife(
                desk: desk, handlers: handlers, settings: settings, launchSuspects: launchSuspects,
                askedToLeave: { [weak self] in self?.leaveAsAsked() }, logger: logger)
            let mustDrain = state.withLock { state in
                state.life = life
                return state.isDraining
            }
            if mustDrain { life.drain() }
            switch await life.run() {
            case .left: return
            case .dead: logger.warning("This worker was declared dead, probably because it was frozen; it starts over under a new name")
            }
        }
    }

    /// Stops claiming, lets running jobs finish for the grace period, hands the rest back, and leaves. Safe from any thread, more than once.
    package func drain() {
        let life = state.withLock { state in
            state.isDraining = true
            return state.life
        }
        life?.drain()
    }

    private func leaveAsAsked() {
        drain()
        onAsked?()
    }

    /// The name of the life that runs now, for operators and tests.
    package var name: String? {
        state.withLock { $0.life?.name }
    }
}

/// Starts a one-slot process for suspects; returns when it has ended.
package typealias SuspectLauncher = @Sendable () async -> Void
