import JobDesk
import JobModel
import JobQueue
import JobRunner
import PostgresWire
import RedisWire
import Synchronization
import TestServers
import Testing

/// A worker with more to do than it has slots for: what it takes ahead of its slots follows priorities and pauses, and is given back.
@Suite(.timeLimit(.minutes(2))) struct BacklogTests {
    /// What the handlers of a test did. At one of the starts it does something, in that handler.
    private final class Book: Sendable {
        private struct State {
            var order: [JobID] = []
            var running = 0
            var most = 0
        }

        private let state = Mutex(State())
        private let middle: (start: Int, action: @Sendable () async throws -> Void)?

        init(middle: (Int, @Sendable () async throws -> Void)? = nil) {
            self.middle = middle
        }

        /// Jobs in the order in which they started.
        var order: [JobID] { state.withLock { $0.order } }
        var running: Int { state.withLock { $0.running } }
        var most: Int { state.withLock { $0.most } }

        func run(_ id: JobID, until gate: Gate? = nil) async throws(JobFailure) {
            let number = state.withLock { state in
                state.order.append(id)
                state.running += 1
                state.most = max(state.most, state.running)
                return state.order.count
            }
            defer { state.withLock { $0.running -= 1 } }
            if let middle, number == middle.start {
                do { try await middle.action() } catch { throw .permanent("\(error)", type: "test") }
            }
            try await gate?.wait()
            for _ in 0..<3 { await Task.yield() }
        }
    }

    private func handlers(_ work: @escaping @Sendable (JobID) async throws(JobFailure) -> Void) -> [TestHandler] {
        [("task", "ingest"), ("answer", "models")].map { kind, queue in
            TestHandler(kind, queue: queue, isRecorded: false) { context throws(JobFailure) in
                try await work(context.jobID)
                return [:]
            }
        }
    }

    private func fixture(
        slots: Int, _ work: @escaping @Sendable (JobID) async throws(JobFailure) -> Void
    ) async throws -> RunnerFixture {
        try await RunnerFixture(handlers(work)) {
            $0.queues = ["ingest", "models"]
            $0.slots = slots
            $0.drainGrace = .seconds(20)
        }
    }

    /// Both queues and all levels by turns; some have more to them than an input.
    private func jobs(_ count: Int, inOneStream: Bool = false) -> [Job] {
        (0..<count).map { number in
            let isModel = !inOneStream && number / 3 % 2 == 1
            var job = Job(
                id: JobID(), kind: isModel ? "answer" : "task", queue: isModel ? "models" : "ingest",
                priority: [.medium, .medium, .low, .medium, .high][inOneStream ? 0 : number / 2 % 5],
                input: ["n": .integer(Int64(number % 1000))],
                isRecorded: false)
            if number % 37 == 5 { job.metadata = ["a": 1] }
            return job
        }
    }

    private func states(_ jobs: [Job], _ fixture: RunnerFixture) async throws -> [JobID: String] {
        let commands = jobs.map { ["HGET", .string(fixture.desk.queue.keys.job($0.id)), "status"] as [RedisArgument] }
        let replies = try await fixture.redis.pipeline(commands)
        return Dictionary(uniqueKeysWithValues: zip(jobs.map(\.id), replies.map { $0.string ?? "none" }))
    }

    private func allCompleted(_ jobs: [Job], _ fixture: RunnerFixture) async throws {
        try await eventually { try await states(jobs, fixture).values.allSatisfy { $0 == "completed" } }
    }

    /// Entries that are pending, on all streams.
    private func held(_ fixture: RunnerFixture) async throws -> Int {
        let streams = fixture.desk.queue.keys.streams(["ingest", "models"], StreamLevel.allCases)
        return try await fixture.desk.queue.observe(streams).reduce(0) { $0 + $1.entriesHeld }
    }

    private func entries(_ fixture: RunnerFixture) async throws -> Int64 {
        var count: Int64 = 0
        for stream in fixture.desk.queue.keys.streams(["ingest", "models"], StreamLevel.allCases) {
            count += try await fixture.redis.command(["XLEN", .string(stream)]).integer ?? 0
        }
        return count
    }

    @Test func urgentJobsThatComeInTheMiddleGoBeforeTheBacklog() async throws {
        let gate = Gate()
        let book = Book(middle: (100, { gate.open() }))
        let fixture = try await fixture(slots: 64) { id throws(JobFailure) in try await book.run(id) }
        let backlog = jobs(2000)
        let urgent = (0..<10).map { number in
            Job(
                id: JobID(), kind: number < 5 ? "task" : "answer", queue: number < 5 ? "ingest" : "models", priority: .urgent, input: [:],
                isRecorded: false)
        }
        _ = try await fixture.desk.queue.enqueue(backlog)
        try await fixture.working { _ in
            try await gate.wait()
            _ = try await fixture.desk.queue.enqueue(urgent)
            let begun = book.order.count
            try await allCompleted(backlog + urgent, fixture)
            let places = urgent.map { book.order.firstIndex(of: $0.id) ?? .max }
            // What runs, what was delivered, and what was claimed meanwhile may be ahead of them.
            #expect(places.allSatisfy { $0 < begun + 200 }, "\(begun) had begun, the urgent ones were at \(places)")
        }
        #expect(book.order.count == 2010 && Set(book.order).count == 2010)
        #expect(book.most <= 64)
        #expect(try await entries(fixture) == 0)
    }

    @Test func nothingOfAPausedQueueStartsAndNothingOfItIsLost() async throws {
        let gate = Gate()
        let book = Book(middle: (100, { gate.open() }))
        let fixture = try await fixture(slots: 64) { id throws(JobFailure) in try await book.run(id) }
        let backlog = jobs(1500)
        let (paused, others) = (backlog.filter { $0.queue == "ingest" }, backlog.filter { $0.queue == "models" })
        _ = try await fixture.desk.queue.enqueue(backlog)
        try await fixture.working { _ in
            try await gate.wait()
            try await fixture.desk.pause("ingest", by: nil)
            let waiting = try await states(paused, fixture).filter { $0.value == "queued" }
            #expect(waiting.count > 100, "most of the backlog")
            try await allCompleted(others, fixture)
            try await eventually { book.running == 0 }
            let after = try await states(paused, fixture)
            #expect(waiting.keys.allSatisfy { after[$0] == "queued" })
            #expect(waiting.keys.allSatisfy { !book.order.contains($0) })
            try await fixture.desk.resume("ingest")
            try await allCompleted(paused, fixture)
        }
        #expect(book.order.count == 1500 && Set(book.order).count == 1500)
        #expect(book.most <= 64)
        #expect(try await entries(fixture) == 0)
    }

    /// Entries that are read ahead have slots kept for them: another worker could run them.
    @Test(arguments: [20, 64]) func aFullWorkerHoldsNoMoreThanItHasSlots(slots: Int) async throws {
        let gate = Gate()
        let book = Book()
        let fixture = try await fixture(slots: slots) { id throws(JobFailure) in try await book.run(id, until: gate) }
        let backlog = jobs(300)
        _ = try await fixture.desk.queue.enqueue(backlog)
        try await fixture.working { _ in
            try await eventually { book.order.count == slots }
            #expect(try await held(fixture) == slots)
            gate.open()
            try await allCompleted(backlog, fixture)
        }
        #expect(book.order.count == 300 && Set(book.order).count == 300)
        #expect(book.most == slots)
    }

    /// A backlog of one stream is read ahead all the time, one of many streams by turns.
    @Test(arguments: 0..<6) func aWorkerThatLeavesGivesBackWhatItHasNotStarted(round: Int) async throws {
        let gate = Gate()
        let book = Book(middle: (60 + 50 * round, { gate.open() }))
        let fixture = try await fixture(slots: 64) { id throws(JobFailure) in try await book.run(id) }
        let backlog = jobs(1200, inOneStream: round > 0)
        _ = try await fixture.desk.queue.enqueue(backlog)
        let runner = fixture.runner()
        async let running: Void = runner.run()
        try await gate.wait()
        runner.drain()
        await running
        let begun = book.order
        #expect(begun.count < 1200, "it left in the middle")
        #expect(try await held(fixture) == 0)
        #expect(try await fixture.desk.queue.workers().isEmpty)
        let states = try await states(backlog, fixture)
        #expect(begun.allSatisfy { states[$0] == "completed" })
        #expect(states.values.count { $0 == "queued" } == 1200 - begun.count)
        try await fixture.working { _ in try await allCompleted(backlog, fixture) }
        #expect(book.order.count == 1200 && Set(book.order).count == 1200, "every job ran once")
        #expect(try await entries(fixture) == 0)
    }

    /// The next claim is under way while the entries of one are adopted: what it took is this worker's, and is not handed back.
    @Test func aClaimBesideEntriesThatCannotBeAdoptedBringsJobsThatRun() async throws {
        let book = Book()
        let fixture = try await fixture(slots: 64) { id throws(JobFailure) in try await book.run(id) }
        try await fixture.pool.script(
            """
            CREATE SEQUENCE tries;
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF nextval('tries') % 2 = 1 THEN RAISE EXCEPTION 'x' USING ERRCODE = '53100'; END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION refuse()
            """)
        let backlog = jobs(1200, inOneStream: true)
        let stream = fixture.desk.queue.keys.stream("ingest", .medium)
        for start in stride(from: 0, to: 1200, by: 100) {
            _ = try await fixture.desk.queue.enqueue(Array(backlog[start..<start + 100]))
            let fields: [RedisArgument] = ["job_id", "theirs", "source_type", "html", "source_uri", "http://h/"]
            _ = try await fixture.redis.command(["XADD", .string(stream), "*"] + fields)
        }
        try await fixture.working { _ in
            try await allCompleted(backlog, fixture)
            try await eventually { try await entries(fixture) == 0 }
        }
        #expect(book.order.count == 1200)
        let handedBack = try await fixture.redis.command(["HGET", .string(fixture.desk.queue.keys.stats("ingest")), "reclaimed"])
        #expect(handedBack.isNull, "\(handedBack) jobs were claimed and not started")
    }

    @Test func whatWasReadAheadDoesNotWaitForAJobThatRuns() async throws {
        let (isLeaving, end) = (Gate(), Gate())
        let hold: @Sendable () async throws -> Void = {
            isLeaving.open()
            try await end.wait()
        }
        let book = Book(middle: (150, hold))
        let fixture = try await fixture(slots: 64) { id throws(JobFailure) in try await book.run(id) }
        let backlog = jobs(1200, inOneStream: true)
        _ = try await fixture.desk.queue.enqueue(backlog)
        let runner = fixture.runner()
        async let running: Void = runner.run()
        try await isLeaving.wait()
        runner.drain()
        try await eventually { try await held(fixture) == 1 }
        #expect(book.running == 1)
        end.open()
        await running
        #expect(try await held(fixture) == 0)
    }
}
