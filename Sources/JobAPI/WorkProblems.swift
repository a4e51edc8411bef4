internal import HTTPTypes
internal import JobDesk
internal import JobModel

/// What is answered to workers, and to programs that register kinds.
extension Problem {
    static let unknownLease = Problem(
        .notFound, "unknown-lease", "Unknown lease", "A lease is what POST /work/claim answered for a job, as it is.")
    static let unknownStep = Problem(
        .notFound, "unknown-step", "Unknown step", "No attempt has finished a step of this name; do it, and keep its result with PUT.")
    static let tooManySteps = Problem(
        .conflict, "too-many-steps", "Too many steps",
        "The job keeps more steps, or larger ones, than one job may keep; split it into several jobs.")

    static let leaseLost = Problem(
        .conflict, "lease-lost", "Lease lost",
        "This attempt is over: its worker was silent for too long, it took too long or did not stop, or it has ended another way. "
            + "Stop working on it and say nothing more.")

    static func kindInUse(_ kind: String) -> Problem {
        Problem(
            .conflict, "kind-in-use", "Kind in use",
            "Jobs of the kind \(kind) have not ended. Wait for them or cancel them: GET /jobs?kind=\(kind) lists them.")
    }

    static func kindRefused(_ refusal: KindRefusal) -> Problem {
        switch refusal {
        case .nameTaken(let name):
            Problem(.conflict, "kind-taken", "Kind taken", "\(name) is a built-in kind; register yours under another name.")
        case .queueTaken(let queue, let by):
            Problem(
                .conflict, "queue-taken", "Queue taken",
                "The queue \(queue) has kinds that this program does not run: \(by.prefix(20).joined(separator: ", ")). "
                    + "Take another queue, or register them together if it runs them.")
        case .tooMany:
            Problem(
                .conflict, "too-many-kinds", "Too many kinds",
                "There are \(KindRegistration.maxCount) registered kinds; forget some with DELETE /kinds/{kind}.")
        case .moves(let kind):
            Problem(
                .conflict, "kind-in-use", "Kind in use",
                "Jobs of the kind \(kind) have not ended, so it cannot go to another queue. Wait for them or cancel them: "
                    + "GET /jobs?kind=\(kind) lists them.")
        }
    }
}
