/// Which jobs a list is about; what is empty or nil admits everything. Rows and live jobs are asked with the same filter,
/// so that one list can be made of both.
package struct JobFilter: Sendable, Hashable {
    package var states: Set<JobState> = []
    package var kinds: Set<String> = []
    package var queues: Set<String> = []
    package var subject: String?
    package var sessionID: String?
    /// A job must have all of them.
    package var tags: [String] = []
    package var flow: JobID?
    package var errorType: String?
    /// The moment that the list is ordered by: at or after.
    package var since: Timestamp?
    /// Before.
    package var until: Timestamp?

    /// What rows must have in them. Jobs that have no row are not searched.
    package var search: JobSearch?

    package init() {}

    /// Whether only jobs that have ended are wanted: then no live state is needed.
    package var isAboutEnded: Bool {
        !states.isEmpty && states.allSatisfy(\.isTerminal)
    }

    /// `time` is what the list is ordered by: the job's creation, or its end.
    package func admits(_ job: Job, at time: Timestamp) -> Bool {
        (states.isEmpty || states.contains(job.state)) && (kinds.isEmpty || kinds.contains(job.kind))
            && (queues.isEmpty || queues.contains(job.queue)) && (subject == nil || subject == job.subject)
            && (sessionID == nil || sessionID == job.sessionID) && tags.allSatisfy(job.tags.contains)
            && (flow == nil || flow == job.flow?.flow) && (errorType == nil || errorType == job.errorType)
            && since.map { time >= $0 } != false && until.map { time < $0 } != false
    }
}

/// Where a job stands in a list that is ordered by time, then id: both stores order alike, so one cursor goes over both.
/// Microseconds, because rows that SQL itself makes have them.
package struct JobPosition: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let microseconds: Int64
    package let id: JobID

    package init(microseconds: Int64, id: JobID) {
        self.microseconds = microseconds
        self.id = id
    }

    package init(at time: Timestamp, id: JobID) {
        self.init(microseconds: time.milliseconds &* 1000, id: id)
    }

    /// Reads its own description; anything else is nil. Bounded to times that PostgreSQL and Redis can compare (to the year 2255).
    package init?(_ text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, let id = JobID(String(parts[1])), parts[0].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            let microseconds = Int64(parts[0]), microseconds < 9_000_000_000_000_000
        else { return nil }
        self.init(microseconds: microseconds, id: id)
    }

    package var description: String { "\(microseconds).\(id)" }

    package static func < (left: JobPosition, right: JobPosition) -> Bool {
        left.microseconds == right.microseconds ? left.id.description < right.id.description : left.microseconds < right.microseconds
    }
}

/// A job in a list.
package struct ListedJob: Sendable, Hashable {
    package var job: Job
    package let position: JobPosition

    package init(_ job: Job, at position: JobPosition) {
        self.job = job
        self.position = position
    }
}
