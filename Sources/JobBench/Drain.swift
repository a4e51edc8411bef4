/// Running what waits: a backlog of unrecorded or recorded jobs, and a window in front of a very large one.
internal import JobModel
internal import RedisWire

extension BenchStage {
    /// The first tenth is run before the clock starts, so that neither the start of the process nor cold pages are counted.
    func measureDrain(recorded: Bool) async throws -> Figures {
        var figures = Figures(recorded ? .recorded : .drain)
        let jobs = plan.jobs
        figures.jobs = jobs
        try await addDrainFloor(to: &figures, recorded: recorded)
        try await clear()
        let total = jobs + plan.runIn
        let tally = try newTally(total)
        let empty = try await redisMemory()
        try await submit(0..<total, to: tally, recorded: recorded)
        figures.bytesPerQueuedJob = (try await redisMemory() - empty) / Double(total)
        let (first, last) = try await withWorker(tally) { worker in
            let first = try await worker.wait(until: plan.runIn)
            return (first, try await worker.wait(until: total, raising: first.peak))
        }
        figures.bytesPerFinishedJob = (try await redisMemory() - empty) / Double(total)
        figures.fill(from: first, to: last)
        figures.spread = try await attemptTimes()
        figures.faults = try await verdict(tally, jobs: total, recorded: recorded).faults
        return figures
    }

    private func addDrainFloor(to figures: inout Figures, recorded: Bool) async throws {
        let jobs = plan.jobs
        if recorded {
            let times = try await postgresFloor(jobs)
            figures.floorJobsPerSecond = Double(jobs) / times.startAndEnd
        } else {
            let floor = try await floor(jobs) { floor throws(BenchError) in
                _ = try floor.enqueueBatches(jobs)
                return try floor.drain(jobs)
            }
            figures.floorJobsPerSecond = Double(jobs) / floor.seconds
            try await clear()
            let bound = try await bound { bound throws(BenchError) in
                _ = try bound.enqueueBatches(jobs)
                return try bound.drain(jobs)
            }
            figures.boundJobsPerSecond = Double(jobs) / bound
        }
    }

    /// The rows are removed again: the engine finds the table as the floor did.
    func postgresFloor(_ count: Int) async throws -> PostgresFloor.Times {
        let jobs = (0..<count).map { job($0, of: Noop.recorded) }
        let url = databaseURL
        return try await OwnThread.run { () throws(BenchError) in try PostgresFloor(url).live(jobs) }
    }

    /// From claim to settlement, of up to a thousand jobs. Redis keeps whole milliseconds.
    private func attemptTimes() async throws -> Spread {
        let reply = try await redis.command([
            "SCAN", "0", "MATCH", .string(prefix + "job:????????-????-????-????-????????????"), "COUNT", "3000",
        ])
        let keys = (reply.array?.last?.array ?? []).compactMap(\.string).prefix(1000)
        let times = try await redis.pipeline(keys.map { ["HMGET", .string($0), "started_at", "completed_at"] })
        return Spread(
            times.compactMap { reply in
                guard let pair = reply.array, pair.count == 2, let begin = pair[0].integer, let end = pair[1].integer else { return nil }
                return Double(end - begin) * 1000
            })
    }

    /// The rate in front of a full backlog, then all of it: memory must not grow with what was run.
    func measureBacklog() async throws -> Figures {
        var figures = Figures(.backlog)
        let total = plan.backlog
        figures.jobs = total
        let tally = try newTally(total)
        let empty = try await redisMemory()
        try await submit(0..<total, to: tally)
        figures.bytesPerQueuedJob = (try await redisMemory() - empty) / Double(total)
        let window = min(plan.jobs, total / 2)
        let (first, second, tenth, last, memory) = try await withWorker(tally) { worker in
            let first = try await worker.wait(until: min(plan.runIn, window / 2))
            let second = try await worker.wait(until: first.completed + window, raising: first.peak)
            let tenth = try await worker.wait(until: max(total / 10, second.completed), raising: second.peak)
            let last = try await worker.wait(until: total, raising: tenth.peak)
            return (first, second, tenth, last, worker.gauge.memory)
        }
        figures.bytesPerFinishedJob = (try await redisMemory() - empty) / Double(total)
        figures.fill(from: first, to: second)
        figures.peak = last.peak
        figures.growth = memory.map { $0.anonymous - tenth.peak.anonymous }
        let whole = Double(last.completed - tenth.completed) / max(Monotonic.seconds(from: tenth.moment, to: last.moment), 1e-9)
        figures.note = "the last nine tenths: \(Int(whole)) jobs/s"
        figures.faults = try await verdict(tally, jobs: total).faults
        return figures
    }
}

extension Figures {
    /// Everything between two moments.
    mutating func fill(from first: MeasuredWorker.Mark, to last: MeasuredWorker.Mark) {
        let jobs = Double(max(last.completed - first.completed, 1))
        jobsPerSecond = jobs / max(Monotonic.seconds(from: first.moment, to: last.moment), 1e-9)
        processCPU = (last.workerCPU - first.workerCPU) * 1e6 / jobs
        redisCPU = (last.redisCPU - first.redisCPU) * 1e6 / jobs
        peak = last.peak
    }
}
