/// A job that is made again and again: when, in which time zone, and what.
package struct Schedule: Sendable, Hashable {
    /// What becomes of fire times at which no worker or no PostgreSQL was there.
    package enum MissedRuns: String, Sendable, CaseIterable {
        /// They are left out.
        case skip
        /// One job stands for all of them.
        case runOnce = "run_once"
    }

    /// What happens at a fire time while the job before has not ended.
    package enum Overlap: String, Sendable, CaseIterable {
        case allow, skip
    }

    package let id: JobID
    /// Unique among schedules.
    package var name: String
    package var expression: String
    package var timeZone: String
    package var kind: String
    package var input: JSONValue
    /// What else a submission of the job says, in the words of `POST /jobs`.
    package var options: JSONValue
    package var missed = MissedRuns.runOnce
    package var overlap = Overlap.allow
    package var isEnabled = true
    /// What `@every` counts from.
    package var anchor: Timestamp
    /// Grows with every change by its owner; runs leave it alone.
    package var version: Int64 = 1
    /// Nil: it is disabled, or no time comes any more.
    package var nextRunAt: Timestamp?
    /// The fire time of the last job, not the moment at which it was made.
    package var lastRunAt: Timestamp?
    package var lastJobID: JobID?
    /// Why the last fire time brought no job; nil when it did.
    package var lastError: String?
    package let createdAt: Timestamp
    package var updatedAt: Timestamp

    package static let maxCount = 10_000

    package init(
        id: JobID = JobID(), name: String, expression: String, timeZone: String, kind: String, input: JSONValue, options: JSONValue,
        createdAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.expression = expression
        self.timeZone = timeZone
        self.kind = kind
        self.input = input
        self.options = options
        self.createdAt = createdAt
        updatedAt = createdAt
        anchor = createdAt.startOfSecond
    }

    /// When it fires. Throws what makes its expression or its zone unusable here.
    package func clock() throws(CronError) -> ScheduleClock {
        do {
            return ScheduleClock(expression: try CronExpression(expression), zone: try .named(timeZone), anchor: anchor)
        } catch let error as CronError {
            throw error
        } catch let error as ZoneError {
            throw CronError(field: "time zone", detail: "\(timeZone.prefix(64).debugDescription) \(error.detail)")
        } catch {
            throw CronError(field: nil, detail: "the schedule cannot be read")
        }
    }
}

/// An expression in a zone.
package struct ScheduleClock: Sendable, Hashable {
    package let expression: CronExpression
    package let zone: ZoneRules
    package let anchor: Timestamp

    package init(expression: CronExpression, zone: ZoneRules, anchor: Timestamp) {
        self.expression = expression
        self.zone = zone
        self.anchor = anchor
    }

    package func next(after moment: Timestamp) -> Timestamp? {
        expression.next(after: moment, in: zone, anchor: anchor)
    }

    package func isFireTime(_ moment: Timestamp) -> Bool {
        next(after: moment.advanced(byMilliseconds: -1)) == moment
    }
}
