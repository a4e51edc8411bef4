package import JobModel
internal import Logging
internal import PostgresWire

/// What `tidewheel.enqueue()` tells when its transaction commits, on a connection and thread of its own. For one reader, who closes it.
package struct Announcements: Sendable {
    package enum Announcement: Sendable, Hashable {
        case job(JobID)
        /// Listening begins, or begins again: what was told meanwhile is lost, and stands in the rows.
        case behind
    }

    /// As the function of the migration spells it.
    static let channel = "tidewheel_jobs"
    private let listener: PostgresListener

    init(_ pool: PostgresPool, logger: Logger) {
        listener = PostgresListener(pool.options, channels: [Announcements.channel], logger: logger)
    }

    package func forEach(_ body: (Announcement) -> Void) async {
        for await signal in listener.notifications {
            switch signal {
            case .connected: body(.behind)
            case .notification(_, let payload): if let id = JobID(payload) { body(.job(id)) }
            }
        }
    }

    package func close() async {
        await listener.close()
    }
}

extension JobLedger {
    package func announcements() -> Announcements {
        Announcements(pool, logger: logger)
    }
}
