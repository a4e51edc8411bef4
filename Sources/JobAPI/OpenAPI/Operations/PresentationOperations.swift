internal import JobModel

// Presentations and their subjects.
extension Operation {
    static let presentations: [Operation] = [
        Operation(
            "POST /api/presentations", "createPresentation", .presentations,
            "The members of the kind `presentation` and those of `POST /jobs` but `kind` and `input`, side by side.",
            headers: Parameter.ofSubmission,
            body: .json(
                InputSchemas.sideBySideName(PresentationBody.kind),
                eg: ["topic": "Photosynthesis for Biology Test", "user_id": "user123", "n_slides": 5]),
            [.accepted("PresentationReceipt", "Accepted.", received), .ok("Presentation", heldMeaning, held)],
            problems: ProblemsOfRoute.ofSubmission + ["unknown-presentation"]),
        Operation(
            "GET /api/presentations", "listPresentations", .presentations, "Newest first.",
            query: [
                .words("status", JobModel.Presentation.Status.allCases.map(\.rawValue), "Where they stand."),
                .text("subject", "Exactly this one.", most: JobModel.Presentation.maxSubjectBytes),
                .text("user_id", "Exactly this one.", most: 200), .since, .until, .cursor, .limit(1...200, 50),
            ],
            [.ok("PresentationList", "A page.")]),
        Operation(
            "PATCH /api/presentations", "movePresentations", .presentations,
            "Puts 1 to 1,000 under a subject in one transaction; with `from` only those that are under it at that moment.",
            body: .json("PresentationsMove", eg: ["ids": [.string(AnswerShape.exampleID)], "subject": "biology", "from": "default"]),
            [.ok("PresentationsMoved", "What was moved.")]),
        Operation(
            "GET /api/presentations/{id}", "readPresentation", .presentations, "With how far the work is, until it has ended.",
            [.ok("Presentation")], problems: ["unknown-presentation"]),
        Operation(
            "GET /api/presentations/{id}/file", "readPresentationFile", .presentations, "The file, streamed.",
            [
                .media(
                    [("application/vnd.openxmlformats-officedocument.presentationml.presentation", nil), ("application/pdf", nil)],
                    "The file.", [.disposition])
            ],
            problems: [
                "unknown-presentation", "unknown-job", "unreadable-row", "not-finished", "job-failed", "job-cancelled", "file-not-kept",
                "file-gone",
                "too-many-streams",
            ]),
        Operation(
            "PATCH /api/presentations/{id}", "movePresentation", .presentations,
            "A subject of null makes it unorganised again. With `from` it is moved only if it is there now.",
            body: .json("PresentationMove", eg: ["subject": "biology"]), [.ok("Presentation", "As it is now.")],
            problems: ["unknown-presentation", "subject-changed"]),
        Operation(
            "GET /api/subjects", "listSubjects", .presentations, "There is a subject as long as a presentation is under it.",
            query: [
                .limit(1...500, 100), .text("cursor", "`next_cursor` of the page before.", most: JobModel.Presentation.maxSubjectBytes),
            ],
            [.ok("SubjectList", "A page.")]),
        Operation(
            "POST /api/subjects/rename", "renameSubject", .presentations, "All at once, or not at all. `default` is not renamed.",
            body: .json("SubjectRename", eg: ["from": "bio", "to": "biology"]), [.ok("SubjectMoved", "It has another name.")],
            problems: ["unknown-subject", "subject-exists"]),
        Operation(
            "POST /api/subjects/merge", "mergeSubjects", .presentations,
            "Puts everything under one subject, new or old, in one transaction.",
            body: .json("SubjectMerge", eg: ["from": ["bio", "life"], "into": "biology"]), [.ok("SubjectMoved", "They are one.")]),
    ]
}
