/// Submitting over HTTP: the API in a process of its own, the callers in this one.
internal import PrivateServers

extension BenchStage {
    func measureHTTP() async throws -> Figures {
        var figures = Figures(.http)
        let jobs = plan.jobs
        figures.jobs = jobs
        let floor = try await floor(jobs) { floor throws(BenchError) in try floor.enqueueBatches(jobs) }
        (figures.floorJobsPerSecond, figures.floorRedisCPU) = (Double(jobs) / floor.seconds, floor.cpu)
        try await clear()
        let total = jobs + plan.runIn
        let tally = try newTally(total)
        try await withAPI(tally) { port, gauge in
            _ = try await post(jobs..<total, to: port)
            let (before, redisBefore, begin) = (gauge.cpuSeconds ?? 0, try await redisCPU(), Monotonic.now)
            figures.spread = Spread(try await post(0..<jobs, to: port))
            figures.jobsPerSecond = Double(jobs) / Monotonic.seconds(from: begin, to: Monotonic.now)
            figures.processCPU = ((gauge.cpuSeconds ?? 0) - before) * 1e6 / Double(jobs)
            figures.redisCPU = (try await redisCPU() - redisBefore) * 1e6 / Double(jobs)
            figures.peak = gauge.memory
        }
        figures.faults = try await runAll(tally, total).faults
        return figures
    }

    /// An API for as long as `body` runs. It says where it listens; its other lines are shown.
    private func withAPI(_ tally: Tally, _ body: (UInt16, ProcessGauge) async throws -> Void) async throws {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(
            processes.api(tally.path, environment), onLine: { continuation.yield($0) }, onEnd: { continuation.finish() })
        do {
            var port: UInt16?
            for await line in lines where line.contains("listens on") {
                port = line.split(separator: ":").last.flatMap { UInt16($0) }
                break
            }
            guard let port else { throw BenchError("The API did not say where it listens.") }
            try await body(port, ProcessGauge(processID: child.processID))
            await child.stop()
        } catch {
            await child.stop()
            throw error
        }
    }
}
