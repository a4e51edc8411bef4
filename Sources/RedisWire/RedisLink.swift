import DequeModule
import Logging
import NIOCore
import Synchronization

/// The outbox and the reconnecting of one logical connection, by callbacks: `RedisConnection`, `RedisSubscriber` and `RedisPulse` stand on it.
/// A command takes the lock, encodes itself into the shared outbox and joins the line; only the first since the last flush wakes the loop.
final class RedisLink: Sendable {
    typealias Push = @Sendable (RedisReply) -> Void

    enum Phase {
        /// No socket, and nobody who needs one.
        case idle
        /// A dial is on the loop; only `opened`, `failed` and `close` leave this phase.
        case dialling
        /// The next dial waits for `notBefore`; only `backoffEnded` and `close` leave this phase.
        case backingOff
        case ready(RedisSocket)
        /// Final.
        case closed
    }

    /// Invariant: `outbox` is the commands of `line`, in its order and nothing else, so that a given-up one can be cut out by its length.
    /// The lock is held for an encoding at most; no waiter is answered and no socket is touched under it.
    struct State {
        var phase = Phase.idle
        var outbox = ByteBuffer()
        var line = Deque<Place>()
        var isFlushing = false
        /// Bytes that the socket has and the kernel has not: with the outbox, all that can pile up behind a server that does not read.
        var unwritten = 0
        /// When the next look for late commands is due; nil when none is scheduled.
        var wakeAt: NIODeadline?
        /// In a row; a login sets it back, so a node that is left again and again is left at the shortest backoff.
        var failures = 0
        var notBefore = NIODeadline.uptimeNanoseconds(0)
        var lastFailure = "no connection in time"
        var generation = 0
        var clientID: Int64?
        var staysConnected = false
        /// From the first failed attempt of an outage, which was told, to the next login.
        var isOut = false
    }

    let state = Mutex(State())
    let dialer: Dialer
    let loop: any EventLoop
    let logger: Logger
    /// What a subscribed server says unasked; without it such a message ends the socket as a protocol violation.
    let push: Push?
    /// Called on the loop after every login, before waiting commands are sent.
    let connected: @Sendable () -> Void

    init(
        _ address: RedisAddress, options: RedisOptions, loop: any EventLoop, logger: Logger, push: Push? = nil,
        connected: @escaping @Sendable () -> Void = {}
    ) {
        dialer = Dialer(address: address, options: options)
        self.loop = loop
        self.logger = logger
        self.push = push
        self.connected = connected
    }

    /// Runs on any thread. The waiter gets its replies, or an error, on the loop (or at once, when the link is closed or its queue is full).
    func send(_ waiter: Waiter, replies: Int, isPipeline: Bool = false, _ encode: (inout ByteBuffer) -> Void) {
        let refusal = state.withLock { state -> RedisError? in
            if case .closed = state.phase { return .closed }
            let (before, limit) = (state.outbox.writerIndex, dialer.options.maxQueuedBytes)
            guard state.outbox.readableBytes + state.unwritten < limit else {
                return .unavailable("\(limit) bytes wait to be sent already")
            }
            encode(&state.outbox)
            guard state.outbox.readableBytes + state.unwritten <= limit else {
                state.outbox.moveWriterIndex(to: before)
                return .unavailable("with it, more than \(limit) bytes would wait to be sent")
            }
            state.line.append(Place(waiter, replies: replies, bytes: state.outbox.writerIndex - before, isPipeline: isPipeline))
            watch(waiter.deadline, &state)
            switch state.phase {
            case .ready where !state.isFlushing:
                state.isFlushing = true
                loop.execute { self.flush() }
            case .idle: dial(&state)
            case .ready, .dialling, .backingOff, .closed: break
            }
            return nil
        }
        if let refusal { waiter.finish(.failure(refusal)) }
    }

    /// One write for all that was sent since the last flush, from any number of tasks: this is the pipelining.
    private func flush() {
        let batch = state.withLock { state -> (RedisSocket, ByteBuffer, Deque<Place>)? in
            state.isFlushing = false
            guard case .ready(let socket) = state.phase, !state.line.isEmpty else { return nil }
            let bytes = state.outbox
            let line = state.line
            state.outbox = ByteBuffer()
            state.line = Deque()
            state.unwritten += bytes.readableBytes
            return (socket, bytes, line)
        }
        guard let (socket, bytes, line) = batch else { return }
        let count = bytes.readableBytes
        socket.send(bytes, line) { [self] in state.withLock { $0.unwritten -= count } }
    }

    /// What was given up while it waited for a connection is never sent.
    private func dropAnswered(_ state: inout State) {
        guard state.line.contains(where: { $0.waiter.isAnswered }) else { return }
        var kept = ByteBuffer()
        var line = Deque<Place>()
        for place in state.line {
            guard var bytes = state.outbox.readSlice(length: place.bytes) else { break }
            guard !place.waiter.isAnswered else { continue }
            kept.writeBuffer(&bytes)
            line.append(place)
        }
        state.outbox = kept
        state.line = line
    }
}

// Time: one timer for the earliest deadline; a steady stream of answered commands costs one scan per timeout.
extension RedisLink {
    /// Under the lock. A timer that turns out to be early only looks once more; none is ever cancelled.
    private func watch(_ deadline: NIODeadline, _ state: inout State) {
        if let wakeAt = state.wakeAt, wakeAt <= deadline { return }
        state.wakeAt = deadline
        loop.scheduleTask(deadline: deadline) { self.expire() }
    }

    /// What still waits here was certainly not sent, so it ends in `unavailable`; what the socket has may have run, and ends in `timedOut`.
    private func expire() {
        let now = NIODeadline.now()
        let (socket, late, why) = state.withLock { state -> (RedisSocket?, [Waiter], String) in
            state.wakeAt = nil
            let late = state.line.map(\.waiter).filter { $0.deadline <= now }
            if case .ready(let socket) = state.phase { return (socket, late, state.lastFailure) }
            return (nil, late, state.lastFailure)
        }
        for waiter in late { waiter.finish(.failure(.unavailable(why))) }
        let next = socket?.expire(now)
        state.withLock { state in
            dropAnswered(&state)
            for deadline in [next, state.line.lazy.map(\.waiter.deadline).min()].compactMap({ $0 }) { watch(deadline, &state) }
        }
    }
}

// Connecting: lazily for commands, at once and for ever for subscribers.
extension RedisLink {
    /// Keeps the link up even while nobody asks for anything.
    func stayConnected(_ stays: Bool) {
        state.withLock { state in
            state.staysConnected = stays
            if stays, case .idle = state.phase { dial(&state) }
        }
    }

    /// Under the lock, from `idle` only, so there is never more than one attempt under way.
    private func dial(_ state: inout State) {
        let isEarly = state.notBefore > .now()
        state.phase = isEarly ? .backingOff : .dialling
        if isEarly {
            loop.scheduleTask(deadline: state.notBefore) { self.backoffEnded() }
        } else {
            loop.execute { self.open() }
        }
    }

    private func backoffEnded() {
        state.withLock { state in
            guard case .backingOff = state.phase else { return }
            dropAnswered(&state)
            state.phase = .idle
            if state.staysConnected || !state.line.isEmpty { dial(&state) }
        }
    }

    /// On the loop, like all that follows until the link is ready.
    private func open() {
        let socket = RedisSocket(dialer.options, push: push, lost: { self.lost($0, $1) })
        dialer.dial(socket, on: loop).whenComplete { result in
            switch result {
            case .success(let login): self.opened(socket, login)
            case .failure(let error): self.failed(socket, error)
            }
        }
    }

    /// Closed meanwhile: the new socket is let go of. Otherwise the waiting commands go out on it, the given-up ones left out.
    private func opened(_ socket: RedisSocket, _ login: Dialer.Login) {
        let wasOut = state.withLock { state -> Bool? in
            guard case .dialling = state.phase else { return nil }
            defer { state.isOut = false }
            state.phase = .ready(socket)
            state.failures = 0
            state.generation += 1
            state.clientID = login.clientID
            dropAnswered(&state)
            return state.isOut
        }
        guard let wasOut else { return socket.close(failing: .closed) }
        let level: Logger.Level = wasOut ? .info : .debug
        logger.log(level: level, "connected to Redis", metadata: ["address": "\(dialer.address)"])
        connected()
        flush()
    }

    /// Commands go on waiting, unless an operator must act first. Told once an outage, however many attempts it takes.
    private func failed(_ socket: RedisSocket, _ error: any Error) {
        socket.close(failing: .connectionLost)
        let failure = error as? RedisError
        let (refused, isNews) = state.withLock { state -> (Deque<Place>, Bool) in
            guard case .dialling = state.phase else { return ([], false) }
            let isNews = !state.isOut
            state.isOut = true
            state.lastFailure = failure?.description ?? "\(dialer.address): \(error)"
            backOff(&state)
            guard case .server(let reply) = failure, reply.reaction == .stop || reply.reaction == .bug else { return ([], isNews) }
            defer {
                state.line = []
                state.outbox.clear()
            }
            return (state.line, isNews)
        }
        logger.log(
            level: isNews ? .warning : .debug, "no connection to Redis; trying again until there is one",
            metadata: ["address": "\(dialer.address)", "reason": "\(failure?.description ?? "\(error)")"])
        for place in refused { place.waiter.finish(.failure(failure ?? .connectionLost)) }
    }

    /// Under the lock. Commands that were not sent keep their place and their deadline.
    private func backOff(_ state: inout State) {
        state.failures += 1
        state.notBefore = .now() + TimeAmount(dialer.options.backoff(afterFailures: state.failures))
        state.phase = .idle
        dropAnswered(&state)
        if state.staysConnected || !state.line.isEmpty { dial(&state) }
    }

    /// Ended, or retired because its node is the wrong one: commands that come from now on wait for another socket.
    private func lost(_ socket: RedisSocket, _ why: String) {
        state.withLock { state in
            guard case .ready(let current) = state.phase, current === socket else { return }
            state.clientID = nil
            state.lastFailure = why
            backOff(&state)
        }
    }

    /// Ends the socket that this waiter's command occupies; nothing when it was answered or never sent.
    func hangUp(_ waiter: Waiter) {
        loop.execute {
            let socket = self.state.withLock { state -> RedisSocket? in
                if case .ready(let socket) = state.phase { socket } else { nil }
            }
            socket?.hangUp(waiter)
        }
    }

    /// From any thread; what waits is ended before this returns, what is under way a moment later on the loop.
    func close() {
        let (line, socket) = state.withLock { state -> (Deque<Place>, RedisSocket?) in
            defer {
                state.phase = .closed
                state.line = []
                state.outbox.clear()
            }
            if case .ready(let socket) = state.phase { return (state.line, socket) }
            return (state.line, nil)
        }
        for place in line { place.waiter.finish(.failure(.closed)) }
        if let socket { loop.execute { socket.close(failing: .closed) } }
    }
}
