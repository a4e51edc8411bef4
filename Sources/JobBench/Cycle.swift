/// Jobs that are submitted while a worker runs them, the wake-up of an idle worker, and a worker with nothing to do.
internal import JobDesk
internal import JobModel
internal import JobQueue

extension BenchStage {
    func measureCycle(recorded: Bool) async throws -> Figures {
        var figures = Figures(recorded ? .recordedCycle : .cycle)
        let jobs = plan.jobs
        figures.jobs = jobs
        try await addCycleFloor(to: &figures, recorded: recorded)
        try await clear()
        let total = jobs + plan.runIn
        let tally = try newTally(total)
        let (first, last) = try await withWorker(tally) { worker in
            try await worker.waitUntilReady()
            try await submit(jobs..<total, to: tally, timed: true, recorded: recorded)
            let first = try await worker.wait(until: plan.runIn)
            async let submitting: Void = submit(0..<jobs, to: tally, timed: true, recorded: recorded)
            let last = try await worker.wait(until: total, raising: first.peak)
            try await submitting
            return (first, last)
        }
        figures.fill(from: first, to: last)
        figures.spread = Spread((0..<jobs).compactMap(tally.wait))
        figures.faults = try await verdict(tally, jobs: total, recorded: recorded).faults
        return figures
    }

    private func addCycleFloor(to figures: inout Figures, recorded: Bool) async throws {
        let jobs = plan.jobs
        if recorded {
            let times = try await postgresFloor(jobs)
            figures.floorJobsPerSecond = Double(jobs) / (times.accept + times.startAndEnd)
        } else {
            let floor = try await floor(jobs) { floor throws(BenchError) in try floor.cycle(jobs) }
            (figures.floorJobsPerSecond, figures.floorRedisCPU) = (Double(jobs) / floor.seconds, floor.cpu)
        }
    }

    /// Each job is submitted when the one before has ended and the worker waits again.
    func measureLatency() async throws -> Figures {
        var figures = Figures(.latency)
        let jobs = min(plan.roundTrips, 500)
        figures.jobs = jobs
        let address = address
        figures.floorSpread = Spread(try await floor { floor throws(BenchError) in try floor.latency(address, jobs).measure() })
        figures.boundSpread = Spread(try await bound { bound throws(BenchError) in try bound.latency(address, jobs).measure() })
        try await clear()
        let tally = try newTally(jobs)
        try await withWorker(tally) { worker in
            try await worker.waitUntilReady()
            for number in 0..<jobs {
                let request = request(number, timed: true, recorded: false)
                try await withTaskExecutorPreference(queue.executor) {
                    tally.submitted(number)
                    _ = try await desk.submit(request)
                    waitMilliseconds(5)  // blocks, so that nothing of this process wants the cores on the way to the handler
                }
                _ = try await worker.wait(until: number + 1)
                try await Task.sleep(for: .milliseconds(3))
            }
        }
        figures.spread = Spread((0..<jobs).compactMap(tally.wait))
        figures.faults = try await verdict(tally, jobs: jobs).faults
        return figures
    }

    func measureIdle() async throws -> Figures {
        var figures = Figures(.idle)
        let tally = try newTally(1)
        try await withWorker(tally) { worker in
            try await worker.waitUntilReady()
            // Its start is over, and what only that needed has been given back.
            try await Task.sleep(for: .seconds(3))
            let (begin, before) = (Monotonic.now, worker.gauge.cpuSeconds ?? 0)
            var peak = ProcessGauge.Memory()
            for _ in 0..<plan.idleSeconds {
                try await Task.sleep(for: .seconds(1))
                peak.raise(to: worker.gauge.memory)
            }
            let used = (worker.gauge.cpuSeconds ?? 0) - before
            figures.idlePercent = 100 * used / Monotonic.seconds(from: begin, to: Monotonic.now)
            figures.peak = peak
        }
        return figures
    }
}
