internal import JobLedger
internal import JobModel
internal import JobQueue
internal import Logging
internal import PostgresWire
internal import RedisWire

/// Many submissions on their way: each step answers some of them and passes the others on.
private struct ManySubmissions {
    struct Draft: Sendable {
        let place: Int
        let job: Job
        let idempotency: IdempotencyKey?
    }

    enum Answer: Sendable {
        case accepted(Job)
        /// An earlier job answers this one: the same request, or the holder of its unique key.
        case earlier(JobID, Submission.Novelty)
        case refused(DeskError)
    }

    var open: [Draft] = []
    private(set) var answers: [Int: Answer] = [:]

    mutating func answer(_ place: Int, _ answer: Answer) {
        answers[place] = answer
    }

    /// Takes the drafts out that the step is about.
    mutating func take(_ belongs: (Draft) -> Bool) -> [Draft] {
        let taken = open.filter(belongs)
        open.removeAll(where: belongs)
        return taken
    }
}

extension JobDesk {
    /// Accepts many jobs, each with an answer of its own, in the order of the requests: rows by group commit, then Redis by one pipeline.
    /// Throws only where nothing was accepted.
    package func submit(_ requests: [JobRequest]) async throws(DeskError) -> [Result<Submission, DeskError>] {
        await meet(requests.map(\.kind))
        var many = ManySubmissions()
        for (place, request) in requests.enumerated() {
            do throws(DeskError) {
                many.open.append(.init(place: place, job: try compose(request), idempotency: request.idempotency?.of(Submitter.current)))
            } catch {
                many.answer(place, .refused(error))
            }
        }
        await refuseUntellable(&many)
        if !many.open.isEmpty { try await admit() }
        await reserve(&many)
        await charge(&many)
        await record(&many)
        await enqueue(&many)
        return await results(of: many, count: requests.count)
    }

    /// Jobs whose ends cannot be told as they ask for.
    private func refuseUntellable(_ many: inout ManySubmissions) async {
        let drafts = many.open.filter { $0.job.webhook != nil }
        guard !drafts.isEmpty else { return }
        for (place, error) in await each(drafts, { draft in await untellable(draft.job) }) {
            guard let error else { continue }
            many.answer(place, .refused(error))
            _ = many.take { $0.place == place }
        }
    }

    private func untellable(_ job: Job) async -> DeskError? {
        do throws(DeskError) { try await checkWebhooks(of: [job]) } catch { return error }
        return nil
    }

    /// Unique jobs take their keys. Of several with one key the first in the batch comes first.
    private func reserve(_ many: inout ManySubmissions) async {
        var seen: Set<[String]> = []
        let unique = many.open.filter { $0.job.uniqueness != nil && $0.job.isRecorded }
        let first = unique.filter { seen.insert([$0.job.kind, $0.job.uniqueness?.key ?? ""]).inserted }
        let firstPlaces = Set(first.map(\.place))
        var found = await each(first) { draft in await reserved(draft) }
        for draft in unique where !firstPlaces.contains(draft.place) { found.append((draft.place, await reserved(draft))) }
        for case (let place, let answer?) in found {
            many.answer(place, answer)
            _ = many.take { $0.place == place }
        }
    }

    /// Nil: the key is this job's.
    private func reserved(_ draft: ManySubmissions.Draft) async -> ManySubmissions.Answer? {
        do throws(DeskError) {
            switch try await earlier(draft.job, draft.idempotency) {
            case .existing(let id)?: return .earlier(id, .replay)
            case .conflict(let id)?: return .refused(.idempotencyConflict(id))
            case .accepted?, .duplicate?, nil: return try await holder(of: draft.job).map { .earlier($0, .duplicate) }
            }
        } catch {
            return .refused(error)
        }
    }

    /// What the submitter's quota has no room for is refused, from the end of the batch. A repeated request is no new job.
    private func charge(_ many: inout ManySubmissions) async {
        guard Submitter.hasQuota else { return }
        let repeatable = many.open.filter { $0.idempotency != nil && $0.job.uniqueness == nil && $0.job.isRecorded }
        for case (let place, let answer?) in await each(repeatable, { await reserved($0) }) {
            many.answer(place, answer)
            _ = many.take { $0.place == place }
        }
        var refusals: [(ManySubmissions.Draft, DeskError)] = []
        do throws(DeskError) {
            let charged = try await charge(many.open.map(\.job), atLeast: 0)
            refusals = many.open.dropFirst(charged).map { ($0, JobDesk.overQuota(Submitter.current?.charge)) }
        } catch { refusals = many.open.map { ($0, error) } }
        for (draft, reason) in refusals {
            await letGo(draft.job)
            many.answer(draft.place, .refused(reason))
            _ = many.take { $0.place == draft.place }
        }
    }

    /// The rows are the promise. Those that are not new are answered here; the others stay open for Redis.
    private func record(_ many: inout ManySubmissions) async {
        let drafts = many.open.filter(\.job.isRecorded)
        let results = await ledger.accept(drafts.map { ($0.job, $0.idempotency) })
        for (draft, result) in zip(drafts, results) {
            switch result {
            case .success(.accepted): continue
            case .success(.existing(let id)): many.answer(draft.place, .earlier(id, .replay))
            case .success(.conflict(let id)): many.answer(draft.place, .refused(.idempotencyConflict(id)))
            case .success(.duplicate(let id)): many.answer(draft.place, .earlier(id, .duplicate))
            case .failure(let error): many.answer(draft.place, .refused(DeskError(error)))
            }
        }
        let answers = many.answers
        for draft in many.take({ answers[$0.place] != nil }) { await letGo(draft.job) }
    }

    private func enqueue(_ many: inout ManySubmissions) async {
        let drafts = many.take { _ in true }
        guard !drafts.isEmpty else { return }
        do throws(RedisError) {
            // SQL has decided about the keys of recorded kinds.
            let requests = drafts.map { EnqueueRequest($0.job, idempotency: $0.job.isRecorded ? nil : $0.idempotency) }
            for (draft, answer) in zip(drafts, try await queue.enqueue(requests)) {
                switch answer {
                case .accepted, .exists: many.answer(draft.place, .accepted(draft.job))
                case .repeated(let id): many.answer(draft.place, .earlier(id, .replay))
                case .conflict(let id): many.answer(draft.place, .refused(.idempotencyConflict(id)))
                case .duplicate(let id): many.answer(draft.place, .earlier(id, .duplicate))
                }
            }
        } catch {
            let reason = DeskError(error)
            gate.close(because: reason)
            logger.warning("Accepted jobs could not be queued yet; the reconciler will queue them", metadata: ["error": "\(error)"])
            for draft in drafts { many.answer(draft.place, draft.job.isRecorded ? .accepted(draft.job) : .refused(reason)) }
        }
    }

    private func results(of many: ManySubmissions, count: Int) async -> [Result<Submission, DeskError>] {
        var earlier: [JobID] = []
        for case .earlier(let id, _) in many.answers.values { earlier.append(id) }
        let found: Result<[JobID: Job], DeskError>
        do throws(DeskError) { found = .success(try await read(earlier)) } catch { found = .failure(error) }
        return (0..<count).map { place in
            switch many.answers[place] {
            case .accepted(let job): .success(Submission(job: job, novelty: .new))
            case .earlier(let id, let novelty):
                found.flatMap { jobs in jobs[id].map { .success(Submission(job: $0, novelty: novelty)) } ?? .failure(.uniqueHeld(id)) }
            case .refused(let error): .failure(error)
            case nil: .failure(.internalFault("A submission was not answered"))
            }
        }
    }

    private func each<Answer: Sendable>(
        _ drafts: [ManySubmissions.Draft], _ body: @escaping @Sendable (ManySubmissions.Draft) async -> Answer
    ) async -> [(Int, Answer)] {
        await withTaskGroup(of: (Int, Answer).self) { group in
            for draft in drafts { group.addTask { (draft.place, await body(draft)) } }
            return await group.reduce(into: []) { $0.append($1) }
        }
    }
}
