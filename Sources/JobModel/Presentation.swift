/// A presentation as its owner sees it: made by a job of the same id, put under a subject, and kept when the job's record has gone.
package struct Presentation: Sendable, Hashable {
    /// The words of `presentation_jobs`; `tidewheel.presentation_status` says which state of a job is which.
    package enum Status: String, Sendable, CaseIterable {
        case pending, processing, complete, error

        package var isFinal: Bool { self == .complete || self == .error }
    }

    /// The subject of what nobody has put anywhere yet.
    package static let unorganised = "default"
    package static let maxSubjectBytes = 200

    package let id: JobID
    package let topic: String
    package let status: Status
    package let subject: String
    package let presentonID: String?
    /// Where it is viewed and edited, relative to Presenton's root.
    package let presentonURL: String?
    /// Microseconds since 1970: rows that SQL itself makes have them, and pages are ordered by them.
    package let createdMicroseconds: Int64
    package let completedAt: Timestamp?
    package let userID: String?
    package let slides: Int?
    /// Why there is none.
    package let error: String?

    package init(
        id: JobID, topic: String, status: Status, subject: String, presentonID: String?, presentonURL: String?, createdMicroseconds: Int64,
        completedAt: Timestamp?, userID: String?, slides: Int?, error: String?
    ) {
        self.id = id
        self.topic = topic
        self.status = status
        self.subject = subject
        self.presentonID = presentonID
        self.presentonURL = presentonURL
        self.createdMicroseconds = createdMicroseconds
        self.completedAt = completedAt
        self.userID = userID
        self.slides = slides
        self.error = error
    }

    package var createdAt: Timestamp { Timestamp(milliseconds: createdMicroseconds / 1000) }
    package var position: JobPosition { JobPosition(microseconds: createdMicroseconds, id: id) }
}

/// Which presentations a list is about; what is empty or nil admits everything.
package struct PresentationFilter: Sendable, Hashable {
    package var statuses: Set<Presentation.Status> = []
    package var subject: String?
    package var userID: String?
    package var since: Timestamp?
    package var until: Timestamp?

    package init() {}
}

/// A subject and how many presentations it has, by their status.
package struct SubjectCount: Sendable, Hashable {
    package let subject: String
    package let total: Int64
    package let counts: [Presentation.Status: Int64]

    package init(subject: String, total: Int64, counts: [Presentation.Status: Int64]) {
        self.subject = subject
        self.total = total
        self.counts = counts
    }
}
