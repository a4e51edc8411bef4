internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import ServiceLifecycle

/// `POST /work/claim`: jobs for a worker that speaks HTTP. The process keeps nothing of them: every further call may go to another one.
extension Reception {
    func claimWork(_ exchange: Exchange) async throws -> Response {
        let members = try SubmitJob.accept(await BodyReader.object(of: exchange.request), ClaimWork.shape)
        let order = try await order(members, exchange)
        guard order.patience > .zero, let place = streams.take(), !draining.isRaised else {
            var response = ClaimWork.response(try await desk.takeWork(order.impatient), desk.catalogue)
            // Its next one goes to a process that stays.
            if draining.isRaised { response.headers[.connection] = "close" }
            return response
        }
        defer { withExtendedLifetime(place) {} }
        return try await waitForWork(order, exchange)
    }

    /// A worker that goes away while it waits must not be given jobs. The connection is good for nothing more then, and every answer says so.
    private func waitForWork(_ order: WorkOrder, _ exchange: Exchange) async throws -> Response {
        do {
            let taken = try await exchange.behindBody.consumeWithCancellationOnInboundClose { _ in
                try await untilShutdown { try await desk.takeWork(order) } ?? WorkTaken()
            }
            var response = ClaimWork.response(taken, desk.catalogue)
            response.headers[.connection] = "close"
            return response
        } catch let error as DeskError {
            var problem = problem(of: error, exchange.requestID)
            problem.headers[.connection] = "close"
            throw problem
        }
    }

    /// The order of a claim; kinds that it registers are registered.
    private func order(_ members: [String: JSONValue], _ exchange: Exchange) async throws -> WorkOrder {
        let given = members["kinds"]?.array ?? []
        var faults: [InputShape.Fault] = []
        let registrations = RegisterKinds.read(given.filter { $0.object != nil }, &faults)
        let names = given.compactMap(\.string)
        if given.isEmpty { faults.append(.init(pointer: "#/kinds", detail: "must have one")) }
        if registrations.count + names.count < given.count, faults.isEmpty {
            faults.append(.init(pointer: "#/kinds", detail: "must have names of kinds, and registrations"))
        }
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        await desk.meet(names)
        for (place, name) in given.enumerated().compactMap({ place, value in value.string.map { (place, $0) } }) {
            guard desk.catalogue[name]?.isRegistered != true else { continue }
            let detail =
                desk.catalogue[name] == nil ? "is not registered; POST /kinds does that" : "is built in; only tidewheel worker runs it"
            throw Problem.invalid([.init(pointer: "#/kinds/\(place)", detail: detail)])
        }
        let kinds = try await met(registrations, beside: names) + names.compactMap { desk.catalogue[$0] }
        return WorkOrder(
            worker: members["worker"]?.string ?? "", kinds: kinds,
            most: members["max"]?.integer ?? 1, patience: .seconds(members["wait"]?.number ?? 0),
            running: members["running"]?.integer ?? 0, host: exchange.caller.address ?? "")
    }

    /// Kinds that nobody has registered are registered; others are as they are known. So two versions of one worker do not change a kind to and
    /// fro with their claims: `POST /kinds` changes it.
    private func met(_ registrations: [JobKind], beside names: [String]) async throws -> [JobKind] {
        await desk.meet(registrations.map(\.name))
        let isNew = { (kind: JobKind) in desk.catalogue[kind.name]?.isRegistered != true }
        if registrations.contains(where: isNew) {
            let known = registrations.filter { !isNew($0) }.map(\.name)
            try await desk.register(registrations.filter(isNew), running: known + names)
        }
        return registrations.map { desk.catalogue[$0.name] ?? $0 }
    }

    /// Nil: the server shuts down, and the work had taken nothing, or gave it back.
    private func untilShutdown<Value: Sendable>(_ work: @escaping @Sendable () async throws -> Value) async throws -> Value? {
        try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await work() }
            group.addTask {
                try? await gracefulShutdown()
                return nil
            }
            defer { group.cancelAll() }
            if let value = try await group.next() ?? nil { return value }
            // What it took in the last moment is its caller's.
            group.cancelAll()
            return try await group.next() ?? nil
        }
    }
}

enum ClaimWork {
    static let shape = InputShape([
        .init("worker", .text(maxLength: 200), required: true, "a name for people"),
        .init("kinds", .array(maxCount: RegisterKinds.mostAtOnce), required: true, "names of registered kinds, or registrations"),
        .init("max", .integer(1...64), standard: 1, "jobs at most"),
        .init("wait", .number(0...30), standard: 0, "seconds to wait for one"),
        .init("running", .integer(0...10_000), standard: 0, "jobs that the worker runs now"),
    ])

    static func response(_ taken: WorkTaken, _ catalogue: JobCatalogue) -> Response {
        let jobs = taken.jobs.map { document($0.claim, $0.lease, catalogue) }
        return Response(["jobs": .array(jobs), "suspects_wait": .boolean(taken.suspectsWait)])
    }

    private static func document(_ claim: Claim, _ lease: WorkLease, _ catalogue: JobCatalogue) -> JSONValue {
        let job = claim.job
        let input = (catalogue[job.kind]?.input.accept(job.input)).flatMap { try? $0.get() } ?? job.input
        return [
            "lease": .string(lease.text), "job_id": .string(job.id.description), "kind": .string(job.kind),
            "queue": .string(job.queue), "attempt": .integer(Int64(claim.attempt)), "max_attempts": .integer(Int64(job.maxAttempts)),
            "input": input, "metadata": job.metadata, "session_id": job.sessionID.map(JSONValue.string) ?? .null,
            "timeout_seconds": .seconds(job.timeoutMilliseconds),
            "deadline": .string(Timestamp.now.advanced(byMilliseconds: job.timeoutMilliseconds).description),
            "heartbeat_seconds": .integer(JobDesk.workBeatSeconds),
            "alone": .boolean(claim.stream.hasSuffix(":\(StreamLevel.suspect.rawValue)")),
        ]
    }
}
