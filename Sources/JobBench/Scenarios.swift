/// The measurements, each with its floor right before it: whatever slows the machine slows both.
internal import JobDesk
internal import JobModel
internal import JobQueue

extension BenchStage {
    /// One run of one scenario.
    package func measure(_ scenario: Scenario) async throws -> Figures {
        try await clear()
        let figures =
            switch scenario {
            case .enqueue: try await measureEnqueue()
            case .batch: try await measureBatch()
            case .drain: try await measureDrain(recorded: false)
            case .recorded: try await measureDrain(recorded: true)
            case .cycle: try await measureCycle(recorded: false)
            case .recordedCycle: try await measureCycle(recorded: true)
            case .latency: try await measureLatency()
            case .http: try await measureHTTP()
            case .idle: try await measureIdle()
            case .backlog: try await measureBacklog()
            }
        return figures
    }

    func newTally(_ jobs: Int) throws -> Tally { try Tally(creating: directory + "/tally", capacity: jobs) }

    var floorInput: String { Noop.input(0, timed: false, bytes: plan.inputBytes).serialized }

    /// The floor's work on a thread of its own.
    func floor<Value: Sendable>(_ body: @escaping @Sendable (RedisFloor) throws(BenchError) -> Value) async throws -> Value {
        let (address, prefix, input) = (address, prefix, floorInput)
        return try await OwnThread.run { () throws(BenchError) in try body(RedisFloor(address, prefix: prefix, input: input)) }
    }

    /// The same, and what Redis spent on it a job.
    func floor(_ jobs: Int, _ body: @escaping @Sendable (RedisFloor) throws(BenchError) -> Double) async throws -> (
        seconds: Double, cpu: Double
    ) {
        let before = try await redisCPU()
        let seconds = try await floor(body)
        return (seconds, (try await redisCPU() - before) * 1e6 / Double(max(jobs, 1)))
    }

    /// What the engine's own scripts leave possible, on a thread of its own.
    func bound<Value: Sendable>(_ body: @escaping @Sendable (ScriptBound) throws(BenchError) -> Value) async throws -> Value {
        let (address, prefix, input) = (address, prefix, floorInput)
        return try await OwnThread.run { () throws(BenchError) in try body(ScriptBound(address, prefix: prefix, input: input)) }
    }

    func measureEnqueue() async throws -> Figures {
        var figures = Figures(.enqueue)
        figures.jobs = plan.roundTrips
        let jobs = plan.roundTrips
        let floor = try await floor { floor throws(BenchError) in try floor.enqueueOneByOne(jobs) }
        figures.boundSpread = Spread(try await bound { bound throws(BenchError) in try bound.enqueueOneByOne(jobs) })
        try await clear()
        let tally = try newTally(jobs)
        let (before, redisBefore) = (ProcessGauge.own.cpuSeconds ?? 0, try await redisCPU())
        let times = try await withTaskExecutorPreference(queue.executor) { try await submitOneByOne(jobs) }
        figures.processCPU = ((ProcessGauge.own.cpuSeconds ?? 0) - before) * 1e6 / Double(jobs)
        figures.redisCPU = (try await redisCPU() - redisBefore) * 1e6 / Double(jobs)
        (figures.spread, figures.floorSpread) = (Spread(times), Spread(floor))
        figures.jobsPerSecond = 1e6 * Double(jobs) / times.reduce(0, +)
        figures.floorJobsPerSecond = 1e6 * Double(jobs) / floor.reduce(0, +)
        figures.faults = try await runAll(tally, jobs).faults
        return figures
    }

    /// From one task that runs where the replies arrive.
    private func submitOneByOne(_ jobs: Int) async throws -> [Double] {
        var times: [Double] = []
        for number in 0..<jobs {
            let request = request(number, timed: false, recorded: false)
            let begin = Monotonic.now
            _ = try await desk.submit(request)
            times.append(Double(Monotonic.now - begin) / 1000)
        }
        return times
    }

    func measureBatch() async throws -> Figures {
        var figures = Figures(.batch)
        let jobs = plan.jobs
        figures.jobs = jobs
        let floor = try await floor(jobs) { floor throws(BenchError) in try floor.enqueueBatches(jobs) }
        let bound = try await bound { bound throws(BenchError) in try bound.enqueueBatches(jobs) }
        figures.boundJobsPerSecond = Double(jobs) / bound
        try await clear()
        let tally = try newTally(jobs + plan.runIn)
        try await submit(jobs..<jobs + plan.runIn, to: tally)
        let (before, redisBefore, memory) = (ProcessGauge.own.cpuSeconds ?? 0, try await redisCPU(), try await redisMemory())
        let begin = Monotonic.now
        try await submit(0..<jobs, to: tally)
        figures.jobsPerSecond = Double(jobs) / Monotonic.seconds(from: begin, to: Monotonic.now)
        figures.processCPU = ((ProcessGauge.own.cpuSeconds ?? 0) - before) * 1e6 / Double(jobs)
        figures.redisCPU = (try await redisCPU() - redisBefore) * 1e6 / Double(jobs)
        figures.bytesPerQueuedJob = (try await redisMemory() - memory) / Double(jobs)
        (figures.floorJobsPerSecond, figures.floorRedisCPU) = (Double(jobs) / floor.seconds, floor.cpu)
        figures.faults = try await runAll(tally, jobs + plan.runIn).faults
        return figures
    }

    /// What was submitted only to be submitted is run all the same: a job that is lost was not submitted well.
    func runAll(_ tally: Tally, _ jobs: Int) async throws -> Verdict {
        try await withWorker(tally) { worker in _ = try await worker.wait(until: jobs) }
        return try await verdict(tally, jobs: jobs)
    }
}
