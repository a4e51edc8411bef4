internal import JobDesk
internal import JobModel
internal import Logging
internal import Synchronization

/// Lets jobs of flows go that a crash left waiting.
extension Duty {
    static func sweepFlows(_ life: WorkerLife) -> Duty {
        let place = SweepPlace()
        return Duty(leading: "sweep_flows", every: life.settings.flowInterval) { _ in
            let swept = try await life.desk.sweepFlows(after: place.cursor.withLock { $0 })
            place.cursor.withLock { $0 = swept.next }
            if swept.moved > 0 { life.logger.info("Jobs of flows that had been left waiting go on", metadata: ["jobs": "\(swept.moved)"]) }
        }
    }
}

/// Where the next sweep goes on.
private final class SweepPlace: Sendable {
    let cursor = Mutex<JobID?>(nil)
}
