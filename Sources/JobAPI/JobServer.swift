internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import JobDesk
package import JobModel
package import Logging
internal import NIOCore
internal import ServiceLifecycle
internal import Synchronization

/// What the API is started with. Everything that a stranger could exhaust has a limit here.
package struct JobServerSettings: Sendable {
    package var host = "127.0.0.1"
    /// 0 takes a free port: see `JobServer.port`.
    package var port = 8080
    package var version = "0"
    package var callers = CallerRule.loopback
    /// Served under /site/; nothing by default.
    package var siteDirectory: String?
    /// Where workers put the files of presentations; nil: they are not served.
    package var deckDirectory: String?
    package var maxConnections = 4096
    package var maxEventStreams = 2000
    package var maxUploads = 4
    package var maxBatches = 16
    package var maxSearches = 16
    package var maxUploadBytes = 32 << 20
    package var connection = ConnectionLimits()
    package var scaling = ScalingSettings()
    /// Served at /mcp; nil: there are none.
    package var tools: (any ToolService)?
    /// How long `/readyz` says 503 before the listening socket closes, so that load balancers look away first.
    package var drain: Duration = .zero

    package init() {}
}

/// The HTTP server as a service: bounded connections, the routes, an orderly end.
package struct JobServer: Service, CustomStringConvertible {
    private let reception: Reception
    private let settings: JobServerSettings
    private let logger: Logger
    private let bound = BoundPort()

    package init(desk: JobDesk, search: (any DocumentSearch)? = nil, settings: JobServerSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
        reception = Reception(desk: desk, search: search, settings: settings, logger: logger)
    }

    /// Service groups log this; the settings are nobody's business there.
    package var description: String { "JobServer" }

    /// The port that is listened on; waits for the start. Nil when the server ended before it listened.
    package var port: Int? {
        get async { await bound.value }
    }

    /// Serves until graceful shutdown: then `/readyz` says no for `drain`, the socket closes, streams end, requests in flight are answered.
    package func run() async throws {
        defer { bound.settle(nil) }
        let informing = Task {
            async let kinds: Void = reception.desk.followKinds()
            async let durations: Void = reception.desk.durations.keepFlushed()
            await reception.doorkeeper.stayInformed()
            await (kinds, durations)
        }
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await serve()) } catch { outcome = .failure(error) }
        informing.cancel()
        await informing.value
        try outcome.get()
    }

    private func serve() async throws {
        let group = ServiceGroup(configuration: ServiceGroupConfiguration(services: [.init(service: application)], logger: logger))
        // Detached, because the application must hear of the shutdown only after the drain.
        let serving = Task.detached { try await group.run() }
        do {
            try await withTaskCancellationHandler {
                try await withGracefulShutdownHandler {
                    try await serving.value
                } onGracefulShutdown: {
                    reception.draining.raise()
                    Task { await shutDown(group, after: settings.drain) }
                }
            } onCancel: {
                serving.cancel()
            }
        } catch let error as IOError {
            throw CannotListen(host: settings.host, port: settings.port, reason: error.description)
        }
    }

    private func shutDown(_ group: ServiceGroup, after drain: Duration) async {
        try? await Task.sleep(for: drain)
        await group.triggerGracefulShutdown()
    }

    private var application: Application<Responder> {
        let limits = settings.connection
        let bound = bound
        return Application(
            responder: Responder(reception: reception, site: settings.siteDirectory),
            server: .http1(
                configuration: HTTP1Channel.Configuration(
                    additionalChannelHandlers: [ConnectionGuard(limits), StreamHandler(limits), SocketUpgrade(limits)],
                    httpDecoderConfiguration: .init(maxHeaderFieldSize: 16 << 10, maxHeaderListSize: 32 << 10, maxHeaderFieldCount: 100))),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), backlog: 1024,
                availableConnectionsDelegate: .maximum(settings.maxConnections, logger: logger)),
            onServerRunning: { channel in bound.settle(channel.localAddress?.port) },
            logger: logger)
    }
}

/// The address is taken, or not this machine's, or not this user's to take.
package struct CannotListen: Error, CustomStringConvertible {
    package let host: String
    package let port: Int
    package let reason: String

    package var description: String {
        "Cannot listen on \(host):\(port): \(reason). Stop the program that uses this port, or choose another one."
    }
}

/// A port that becomes known once; everybody who asks waits for it.
private final class BoundPort: Sendable {
    private enum State {
        case waiting([CheckedContinuation<Int?, Never>])
        case settled(Int?)
    }

    private let state = Mutex(State.waiting([]))

    var value: Int? {
        get async {
            await withCheckedContinuation { continuation in
                let known: Int?? = state.withLock { state in
                    switch state {
                    case .settled(let port): return .some(port)
                    case .waiting(let others):
                        state = .waiting(others + [continuation])
                        return .none
                    }
                }
                if let known { continuation.resume(returning: known) }
            }
        }
    }

    /// The first call counts.
    func settle(_ port: Int?) {
        let waiting = state.withLock { state -> [CheckedContinuation<Int?, Never>] in
            guard case .waiting(let continuations) = state else { return [] }
            state = .settled(port)
            return continuations
        }
        for continuation in waiting { continuation.resume(returning: port) }
    }
}
