internal import HTTPTypes
internal import JobModel

/// What may be wrong with a request about presentations, their files and subjects.
extension Problem {
    static let unknownPresentation = Problem(
        .notFound, "unknown-presentation", "Unknown presentation", "There is no presentation of this id.")

    /// Where it is, if anywhere, is in the job's result.
    static func fileNotKept(_ job: Job) -> Problem {
        let warnings = job.result?["warnings"]?.array?.compactMap(\.string) ?? []
        let why = warnings.isEmpty ? "Workers without TIDEWHEEL_DECK_DIRECTORY leave files at Presenton." : warnings.joined(separator: ". ")
        var problem = Problem(
            .notFound, "file-not-kept", "No file was kept", "The slides are made, and their file was not kept here. \(why)"
        )
        .with(["job_id": .string(job.id.description)])
        problem.members["presenton_path"] = job.result?["presenton_path"]
        return problem
    }

    static let noDeckDirectory = Problem(
        .notFound, "file-not-kept", "No file was kept",
        "This process does not know where files are: start it with the TIDEWHEEL_DECK_DIRECTORY of the workers.")
    static let fileGone = Problem(
        .notFound, "file-gone", "The file is gone",
        "The file was kept, and is not in this process's TIDEWHEEL_DECK_DIRECTORY: it was removed, or the workers' directory is another one."
    )

    static func unknownSubject(_ subject: String) -> Problem {
        Problem(.notFound, "unknown-subject", "Unknown subject", "No presentation is under this subject.")
            .with(["subject": .string(subject)])
    }

    static func subjectExists(_ subject: String) -> Problem {
        Problem(
            .conflict, "subject-exists", "The name is taken",
            "There are presentations under the new name; merge the subjects, or take another name."
        )
        .with(["subject": .string(subject)])
    }

    static func subjectChanged(_ presentation: Presentation) -> Problem {
        Problem(
            .conflict, "subject-changed", "The presentation was moved",
            "The presentation is not under the subject that `from` says; nothing was changed."
        )
        .with(["job_id": .string(presentation.id.description), "subject": .string(presentation.subject)])
    }
}
