/// A worker process under measurement: started, watched while it works, stopped. Its CPU and memory are its own.
internal import JobQueue
internal import PrivateServers
internal import RedisWire

final class MeasuredWorker: Sendable {
    let gauge: ProcessGauge
    private let child: ChildProcess
    private let stage: BenchStage

    /// A moment of a run.
    struct Mark: Sendable {
        let completed: Int
        let moment: UInt64
        let workerCPU: Double
        let redisCPU: Double
        /// The largest so far.
        let peak: ProcessGauge.Memory
    }

    init(_ stage: BenchStage, _ tally: Tally) async throws {
        self.stage = stage
        child = try ChildProcess(stage.processes.worker(tally.path, stage.plan.slots, stage.environment))
        gauge = ProcessGauge(processID: child.processID)
    }

    /// Returns when it has registered: then it claims, or waits for work.
    func waitUntilReady() async throws {
        let deadline = ContinuousClock.now + .seconds(60)
        while try await stage.redis.command(["SCARD", .string(stage.queue.keys.workers)]).integer == 0 {
            try checkAlive()
            guard ContinuousClock.now < deadline else { throw BenchError("The worker did not register within 60 s.") }
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    /// Looks every 10 ms until so many jobs have ended; gives up when nothing moves for 30 s. More looks would take a tenth of a core from what is
    /// measured.
    func wait(until count: Int, raising peak: ProcessGauge.Memory = .init()) async throws -> Mark {
        var (seen, since, looks) = (-1, ContinuousClock.now, 0)
        var peak = peak
        while true {
            let completed = try await stage.completed()
            let moment = Monotonic.now
            if looks.isMultiple(of: 10) { peak.raise(to: gauge.memory) }
            looks += 1
            if completed >= count {
                peak.raise(to: gauge.memory)
                return Mark(
                    completed: completed, moment: moment, workerCPU: gauge.cpuSeconds ?? 0, redisCPU: try await stage.redisCPU(), peak: peak
                )
            }
            try checkAlive()
            if completed != seen { (seen, since) = (completed, .now) }
            guard since.duration(to: .now) < .seconds(30) else {
                throw BenchError("Nothing ended for 30 s: \(completed) of \(count) jobs have.")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    func stop() async {
        await child.stop(grace: .seconds(20))
    }

    private func checkAlive() throws(BenchError) {
        if let exit = child.exitIfEnded { throw BenchError("The worker \(exit) before its jobs had ended; its last lines say why.") }
    }
}

extension BenchStage {
    /// What the measured processes are told beside this process' own environment.
    var environment: [String: String] {
        [
            "REDIS_URL": redisURL, "DATABASE_URL": databaseURL, "TIDEWHEEL_KEY_PREFIX": prefix, "TIDEWHEEL_MODELS": "echo", "PORT": "0",
        ]
    }

    /// A worker for as long as `body` runs.
    func withWorker<Value>(_ tally: Tally, _ body: (MeasuredWorker) async throws -> Value) async throws -> Value {
        let worker = try await MeasuredWorker(self, tally)
        do {
            let value = try await body(worker)
            await worker.stop()
            return value
        } catch {
            await worker.stop()
            throw error
        }
    }
}
