internal import HTTPTypes
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import NIOCore

/// The upper half of a WebSocket: who speaks, and which jobs are watched. On the connection's event loop; what must wait for Redis or PostgreSQL
/// runs in a task and comes back here.
final class SocketSession {
    private enum Watch {
        /// Asked for; its job is being read.
        case opening
        case open(WatchPlace?)
    }

    private struct Watched {
        let id: JobID
        let withTokens: Bool
        var last: Int64
        var watch = Watch.opening
        /// Joins so far: an answer to an earlier one has been overtaken.
        var joins = 0
    }

    private let reception: Reception
    private let address: String?
    /// Nil until the first message has brought a key.
    private var caller: Caller?
    private var isAuthenticating = false
    /// Said behind a key that is still looked up; together no longer than one message may be.
    private var early: [SocketCommand] = []
    private var earlyBytes = 0
    private let place: Slots.Place
    private var loop: (any EventLoop)?
    private weak var handler: SocketHandler?
    private var box: EventBox?
    private var watched: [Int: Watched] = [:]
    private var marks: [JobID: Int] = [:]
    private var lastMark = 0
    private var patience: Scheduled<Void>?

    init(_ reception: Reception, _ caller: Caller?, address: String?, place: Slots.Place) {
        self.reception = reception
        self.caller = caller
        self.address = address
        self.place = place
    }

    func opened(_ handler: SocketHandler, on loop: any EventLoop) {
        self.handler = handler
        self.loop = loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        box = EventBox { loop.execute { bound.value.deliver() } }
        guard caller == nil else { return }
        patience = loop.assumeIsolated().scheduleTask(in: TimeAmount(reception.settings.connection.socket.authentication)) { [weak self] in
            self?.handler?.close(.policy, "no key came")
        }
    }

    func closed() {
        patience?.cancel()
        watched = [:]
        marks = [:]
        box = nil
    }

    /// A key that was revoked or has expired since ends the connection.
    @discardableResult func check() -> Bool {
        guard let caller, !reception.doorkeeper.stillAdmits(caller) else { return true }
        handler?.close(.policy, "the key is not valid any more")
        return false
    }

    func receive(_ text: String) {
        let command: SocketCommand
        do throws(SocketCommand.Fault) { command = try SocketCommand(text) } catch { return fail(error.code, error.message) }
        if case .auth(let key) = command { return authenticate(key) }
        if isAuthenticating {
            earlyBytes += text.utf8.count
            if earlyBytes <= reception.settings.connection.socket.messageBytes { return early.append(command) }
        }
        guard caller != nil else { return fail(.notAuthenticated, "send {\"type\": \"auth\", \"key\": …} first") }
        guard check() else { return }
        perform(command)
    }

    private func perform(_ command: SocketCommand) {
        switch command {
        case .watch(let id, let after, let withTokens): watch(id, after: after, withTokens: withTokens)
        case .unwatch(let id): unwatch(id)
        case .ping(let id): handler?.send(SocketMessage.make(.pong, id.map { ["id": $0] } ?? [:]))
        case .auth: break
        }
    }

    private func fail(_ fault: SocketMessage.Fault, _ message: String, _ id: JobID? = nil) {
        handler?.send(SocketMessage.fault(fault, message, id?.description))
    }

    // MARK: Who speaks

    private func authenticate(_ key: String) {
        guard caller == nil else { return handler?.send(SocketMessage.make(.authenticated)) ?? () }
        guard !isAuthenticating else { return }
        isAuthenticating = true
        // The key came in time, however long it takes to look it up.
        patience?.cancel()
        let (reception, address) = (reception, address)
        away { () -> Result<Caller, Problem> in
            do throws(Problem) { return .success(try await reception.admitSocket(key: key, from: address)) } catch {
                return .failure(error)
            }
        } back: { session, outcome in
            session.isAuthenticating = false
            switch outcome {
            case .success(let caller):
                session.caller = caller
                session.handler?.send(SocketMessage.make(.authenticated))
                for command in session.early { session.perform(command) }
                session.early = []
            case .failure(let problem):
                let isLater = problem.status == .tooManyRequests || problem.status == .serviceUnavailable
                session.handler?.close(isLater ? .tryLater : .policy, problem.title)
            }
        }
    }

    // MARK: Jobs

    private func watch(_ id: JobID, after: Int64, withTokens: Bool) {
        guard marks[id] == nil else { return fail(.alreadyWatching, "unwatch it first", id) }
        let most = reception.settings.connection.socket.watches
        guard watched.count < most else {
            return fail(.tooManyWatches, "a connection watches \(most) jobs; unwatch one, or open another", id)
        }
        lastMark += 1
        let mark = lastMark
        marks[id] = mark
        watched[mark] = Watched(id: id, withTokens: withTokens, last: after)
        let desk = reception.desk
        away { () -> Result<Job, DeskError> in
            do throws(DeskError) { return .success(try await desk.read(id)) } catch { return .failure(error) }
        } back: { session, outcome in
            guard let watched = session.watched[mark] else { return }
            switch outcome {
            case .success(let job):
                session.handler?.send(SocketMessage.watching(job))
                // A number from before a loss of Redis is from another count: begin anew.
                if watched.last > job.sequence, job.sequence > 0 { session.watched[mark]?.last = 0 }
                session.join(mark, job)
            case .failure(let error): session.drop(mark, error)
            }
        }
    }

    /// From the number on that was told last.
    private func join(_ mark: Int, _ job: Job) {
        watched[mark]?.joins += 1
        guard let watched = watched[mark], let box else { return }
        let desk = reception.desk
        away { () -> Result<WatchPlace?, DeskError> in
            do throws(DeskError) {
                let after = watched.last > 0 ? watched.last : nil
                return .success(try await desk.watch(job, after: after, withTokens: watched.withTokens, into: box, mark: mark))
            } catch {
                return .failure(error)
            }
        } back: { session, outcome in
            guard session.watched[mark]?.joins == watched.joins else { return }
            switch outcome {
            case .success(let place): session.watched[mark]?.watch = .open(place)
            case .failure(let error): session.drop(mark, error)
            }
        }
    }

    /// Slower than the box holds: the rest is read from the log.
    private func rejoin(_ mark: Int) {
        guard let watched = watched[mark] else { return }
        let desk = reception.desk
        away { () -> Result<Job, DeskError> in
            do throws(DeskError) { return .success(try await desk.read(watched.id)) } catch { return .failure(error) }
        } back: { session, outcome in
            switch outcome {
            case .success(let job): session.join(mark, job)
            case .failure(let error): session.drop(mark, error)
            }
        }
    }

    private func drop(_ mark: Int, _ error: DeskError) {
        guard let watched = forget(mark) else { return }
        let problem = Problem(error)
        fail(problem.status == .notFound ? .unknownJob : .unavailable, problem.detail, watched.id)
    }

    private func unwatch(_ id: JobID) {
        guard let mark = marks[id] else { return fail(.notWatching, "it is not watched", id) }
        forget(mark)
        handler?.send(SocketMessage.make(.unwatched, ["job_id": .string(id.description)]))
    }

    @discardableResult private func forget(_ mark: Int) -> Watched? {
        guard let watched = watched.removeValue(forKey: mark) else { return nil }
        marks[watched.id] = nil
        return watched
    }

    /// What has come for the client, in writes of a bounded size; nothing while it does not read: what comes then waits in the box.
    func deliver() {
        while let box, let handler, handler.hasRoom {
            let (signals, isMore) = box.take(bytes: StreamSession.bytesAtOnce)
            guard !signals.isEmpty, check() else { return }
            for signal in signals { tell(signal, handler) }
            handler.flush()
            guard isMore else { return }
        }
    }

    private func tell(_ signal: WatchSignal, _ handler: SocketHandler) {
        switch signal {
        case .event(let mark, let event):
            guard let id = watched[mark]?.id else { return }
            if let sequence = event.sequence { watched[mark]?.last = sequence }
            handler.write(SocketMessage.event(event, of: id))
        case .behind(let mark): rejoin(mark)
        case .lost: handler.close(.goingAway, "events are not read here any more")
        case .ended(let mark):
            guard let watched = forget(mark) else { return }
            handler.write(SocketMessage.make(.ended, ["job_id": .string(watched.id.description), "seq": .integer(watched.last)]))
        }
    }

    /// Works elsewhere and comes back to the loop, if the connection is still there.
    private func away<Outcome: Sendable>(
        _ work: @escaping @Sendable () async -> Outcome, back: @escaping @Sendable (SocketSession, Outcome) -> Void
    ) {
        guard let loop else { return }
        let bound = NIOLoopBound(self, eventLoop: loop)
        Task {
            let outcome = await work()
            loop.execute {
                guard bound.value.box != nil else { return }
                back(bound.value, outcome)
            }
        }
    }
}
