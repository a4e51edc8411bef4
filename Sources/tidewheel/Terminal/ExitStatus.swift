/// How a command ends: the one table of exit statuses (docs/cli.md has it; a test compares), and the only place that prints why.
import ArgumentParser
import Glibc
import TidewheelClient

enum ExitStatus: Int32, CaseIterable {
    case done = 0
    case failed = 1
    case usage = 2
    case notFound = 3
    case refused = 4
    case unavailable = 5
    case notAllowed = 6
    case timedOut = 7
    case warned = 8
    case interrupted = 130

    var meaning: String {
        switch self {
        case .done: "done"
        case .failed: "a job failed or was cancelled, or the command could not do what it was told"
        case .usage: "the command line is wrong"
        case .notFound: "there is no such job, queue, schedule …"
        case .refused: "the API refuses the request: its detail says what to change"
        case .unavailable: "no API, or one that cannot serve now: try again later"
        case .notAllowed: "the key is missing, wrong, or lacks the scope"
        case .timedOut: "the time that was given has passed"
        case .warned: "`doctor` has warnings, and nothing is broken"
        case .interrupted: "Ctrl-C"
        }
    }
}

/// What a command ends with besides success: a status and the line that says why. Empty where everything is said.
struct Ending: Error {
    let status: ExitStatus
    var message = ""
}

extension ExitStatus {
    /// Says why on standard error and ends the process. Help and version go to standard output and are a success.
    static func leave(_ error: any Error) -> Never {
        switch error {
        case let ending as Ending: leave(ending)
        case let error as TidewheelError: leave(ending(of: error))
        case let refusal as Refusal: leave(Ending(status: .failed, message: "Error: \(refusal)"))
        default: leaveAsParsed(error)
        }
    }

    private static func leave(_ ending: Ending) -> Never {
        if !ending.message.isEmpty { Console.say(ending.message) }
        exit(ending.status.rawValue)
    }

    /// Errors of the parser: its own text, with our status.
    private static func leaveAsParsed(_ error: any Error) -> Never {
        let text = Tidewheel.fullMessage(for: error)
        switch Tidewheel.exitCode(for: error) {
        case .success:
            if !text.isEmpty { Output.line(text) }
            Output.flush()
            exit(ExitStatus.done.rawValue)
        case .validationFailure: leave(Ending(status: .usage, message: text))
        case let code:
            if !text.isEmpty { Console.say(text) }
            exit(code.rawValue)
        }
    }

    /// With the next step, where one is known.
    static func ending(of error: TidewheelError, url: String = ClientFlags.lastURL) -> Ending {
        switch error {
        case .problem(let problem): ending(of: problem)
        case .unreachable(let why):
            Ending(
                status: .unavailable,
                message: "Error: No API at \(url): \(why). Is `tidewheel api` (or `tidewheel dev`) running? Set TIDEWHEEL_URL or --url.")
        case .timedOut, .interrupted: Ending(status: .unavailable, message: "Error: \(error) (\(url))")
        case .invalidAnswer: Ending(status: .unavailable, message: "Error: \(error) Is \(url) a Tidewheel API? Set TIDEWHEEL_URL or --url.")
        case .invalidRequest: Ending(status: .usage, message: "Error: \(error)")
        case .cancelled: Ending(status: .interrupted)
        }
    }

    private static func ending(of problem: TidewheelError.Problem) -> Ending {
        var message = "Error: \(problem)"
        if let id = problem.requestID, problem.status >= 500 { message += "\nThe API's log has more under the request id \(id)." }
        if problem.status == 401 { message += "\nSet TIDEWHEEL_API_KEY, or give the key's file with --key-file." }
        if problem.type == "unknown-kind" { message += "\n`tidewheel kind list` shows what there is." }
        if let after = problem.retryAfter, problem.status == 429 { message += "\nTry again in \(after.components.seconds) s." }
        return Ending(status: status(of: problem), message: message)
    }

    static func status(of problem: TidewheelError.Problem) -> ExitStatus {
        switch (problem.status, problem.type) {
        case (_, "job-failed"), (_, "job-cancelled"): .failed
        case (404, _): .notFound
        case (401, _), (403, _), (421, _): .notAllowed
        case (429, _), (500..., _): .unavailable
        default: .refused
        }
    }
}

extension TidewheelError {
    /// Without what a person has read already.
    var shortly: String {
        switch self {
        case .unreachable(let why), .interrupted(let why), .timedOut(let why): "No connection (\(why))"
        default: "\(self)"
        }
    }
}
