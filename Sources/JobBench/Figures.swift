/// What one measurement found, as one line of JSON and as one row of the table. Absent figures were not measured.
package import JobModel

package struct Figures: Sendable {
    package let scenario: Scenario
    var jobs = 0
    var jobsPerSecond: Double?
    var floorJobsPerSecond: Double?
    /// What the engine's own scripts leave possible, asked by the client of the floor.
    var boundJobsPerSecond: Double?
    /// Microseconds: what of, the scenario says.
    var spread = Spread([])
    var floorSpread = Spread([])
    var boundSpread = Spread([])
    /// Of the measured process (the worker, the API, or the submitting process itself) and of redis-server, in microseconds a job.
    var processCPU: Double?
    var redisCPU: Double?
    var floorRedisCPU: Double?
    /// The measured process' largest.
    var peak: ProcessGauge.Memory?
    var bytesPerQueuedJob: Double?
    var bytesPerFinishedJob: Double?
    var idlePercent: Double?
    /// Growth of anonymous memory between the first tenth of a long run and its end.
    var growth: Int?
    var faults: [String] = []
    var note: String?

    init(_ scenario: Scenario) { self.scenario = scenario }

    package var isVerified: Bool { faults.isEmpty }

    /// Ours to the floor's: of rates the higher, of times the lower is better, and 1 is the floor.
    var ratio: Double? {
        if let ours = jobsPerSecond, let floor = floorJobsPerSecond, floor > 0 { return ours / floor }
        if let ours = spread.median, let floor = floorSpread.median, floor > 0 { return ours / floor }
        return nil
    }

    var cpu: Double? {
        guard let processCPU else { return nil }
        return processCPU + (redisCPU ?? 0)
    }

    /// The figures by name; microseconds, bytes, jobs a second.
    var byName: [(name: String, value: Double?)] {
        [
            ("jobs_per_s", jobsPerSecond), ("floor_jobs_per_s", floorJobsPerSecond), ("ratio", ratio),
            ("bound_jobs_per_s", boundJobsPerSecond), ("bound_p50_us", boundSpread.median),
            ("p50_us", spread.median), ("p99_us", spread.percentile(99)),
            ("floor_p50_us", floorSpread.median), ("floor_p99_us", floorSpread.percentile(99)),
            ("cpu_us_per_job", cpu), ("process_cpu_us_per_job", processCPU), ("redis_cpu_us_per_job", redisCPU),
            ("floor_redis_cpu_us_per_job", floorRedisCPU),
            ("peak_rss_mb", peak.map { Double($0.resident) / 1_048_576 }),
            ("peak_anonymous_mb", peak.map { Double($0.anonymous) / 1_048_576 }),
            ("redis_bytes_per_queued_job", bytesPerQueuedJob), ("redis_bytes_per_finished_job", bytesPerFinishedJob),
            ("idle_cpu_percent", idlePercent), ("growth_mb", growth.map { Double($0) / 1_048_576 }),
        ]
    }

    package var json: JSONValue {
        var members: [String: JSONValue] = [
            "bench": .string(scenario.rawValue), "jobs": .integer(Int64(jobs)), "verified": .boolean(isVerified),
            "faults": .array(faults.map(JSONValue.string)), "targets_missed": .array(missedTargets.map(JSONValue.string)),
        ]
        for (name, value) in byName { members[name] = value.map { .number(Figures.rounded($0)) } }
        members["note"] = note.map(JSONValue.string)
        return .object(members)
    }

    private static func rounded(_ value: Double) -> Double {
        let scale: Double = abs(value) < 10 ? 1000 : abs(value) < 1000 ? 10 : 1
        return (value * scale).rounded() / scale
    }
}
