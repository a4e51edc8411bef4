internal import JobModel
internal import JobQueue

/// The workers' periodic duties in the health document: a summary for people, and each duty of each worker.
enum DutyHealth {
    /// Degraded: nobody leads, or a duty's last run failed.
    static func summary(of reports: [DutyReport]) -> JSONValue {
        let leader = reports.first { $0.isLeader }?.worker
        let failing = reports.flatMap { report in
            report.duties.filter { $0["error"] != nil }.map { duty -> JSONValue in
                ["worker": .string(report.worker), "name": duty["name"] ?? .null, "error": duty["error"] ?? .null]
            }
        }
        return [
            "status": leader != nil && failing.isEmpty ? "healthy" : "degraded", "leader": leader.map(JSONValue.string) ?? .null,
            "failing": .array(failing),
        ]
    }

    static func document(_ report: DutyReport) -> JSONValue {
        ["worker": .string(report.worker), "leader": .boolean(report.isLeader), "duties": .array(report.duties)]
    }
}
