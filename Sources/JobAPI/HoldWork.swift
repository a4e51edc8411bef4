internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import JobQueue

/// `POST /work/{lease}/heartbeat`, `/progress`, `/settle`, and its steps: what a worker says of a job that it took. Every call proves that it lives.
extension Reception {
    func beatWork(_ exchange: Exchange) async throws -> Response {
        HoldWork.goes(on: try await desk.beat(try HoldWork.lease(exchange)))
    }

    func reportWork(_ exchange: Exchange) async throws -> Response {
        let lease = try HoldWork.lease(exchange)
        let members = try SubmitJob.accept(await BodyReader.object(of: exchange.request), HoldWork.reportShape)
        if members["progress"] == nil, ["step", "message"].contains(where: { members[$0] != nil }) {
            throw Problem.invalid([.init(pointer: "#/progress", detail: "is required with a step or a message")])
        }
        var isAsked = false
        for line in members["log"]?.array?.compactMap(\.string) ?? [] {
            isAsked = try await desk.report(JobEvent(.log, ["message": .string(line)]), progress: nil, of: lease) || isAsked
        }
        if let percent = members["progress"]?.number {
            let progress = JobProgress(percent: percent, step: members["step"]?.string ?? "", message: members["message"]?.string ?? "")
            isAsked = try await desk.report(progress.event(), progress: progress, of: lease) || isAsked
        } else if members["log"] == nil {
            isAsked = try await desk.beat(lease)
        }
        return HoldWork.goes(on: isAsked)
    }

    func settleWork(_ exchange: Exchange) async throws -> Response {
        let lease = try HoldWork.lease(exchange)
        let members = try SubmitJob.accept(await BodyReader.object(of: exchange.request), HoldWork.settleShape)
        try await desk.settle(lease, as: try HoldWork.end(members))
        return Response(["status": "settled", "job_id": .string(lease.jobID.description)])
    }

    func readStep(_ exchange: Exchange) async throws -> Response {
        guard let result = try await desk.step(try HoldWork.step(exchange), of: try HoldWork.lease(exchange)) else {
            throw Problem.unknownStep
        }
        return Response(["result": result])
    }

    func storeStep(_ exchange: Exchange) async throws -> Response {
        let (lease, name) = (try HoldWork.lease(exchange), try HoldWork.step(exchange))
        let members = try SubmitJob.accept(await BodyReader.object(of: exchange.request), HoldWork.stepShape)
        guard let result = members["result"] else { throw Problem.invalid([.init(pointer: "#/result", detail: "is required")]) }
        guard result.bytes.count <= HoldWork.maxStepBytes else { throw Problem.tooLarge(limit: HoldWork.maxStepBytes) }
        switch try await desk.store(result, ofStep: name, of: lease) {
        case .stored: return Response(status: .noContent)
        case .full: throw Problem.tooManySteps
        case .lost: throw Problem.leaseLost
        case nil: throw Problem.unavailable("Redis", retryAfter: 2)
        }
    }
}

enum HoldWork {
    static let maxStepBytes = 256 << 10

    static let reportShape = InputShape([
        .init("progress", .number(0...100), "percent"), .init("step", .text(maxLength: 200), "what it does now"),
        .init("message", .text(maxLength: 2_000), "a sentence for people"),
        .init("log", .texts(maxCount: 20, maxLength: 2_000), "lines for the job's log"),
    ])
    static let settleShape = InputShape([
        .init("status", .choice(["completed", "failed", "released", "cancelled"]), required: true, "how it ended"),
        .init("result", .object, "of a job that completed"), .init("error", .object, "of one that failed"),
    ])
    static let errorShape = InputShape([
        .init("message", .text(maxLength: 8_000), required: true, "one sentence for people"),
        .init("type", .text(maxLength: 100), standard: "error", "one word for programs"),
        .init("retry", .boolean, standard: true, "whether to try again"),
        .init("retry_after", .number(0...604_800), "seconds before that"),
    ])
    static let stepShape = InputShape([.init("result", .object, required: true, "what the step found")])

    static func lease(_ exchange: Exchange) throws(Problem) -> WorkLease {
        guard let lease = exchange.captured.first.flatMap(WorkLease.init) else { throw .unknownLease }
        return lease
    }

    static func step(_ exchange: Exchange) throws(Problem) -> String {
        guard let name = exchange.captured.last.flatMap({ QueryReader.decode($0[...], plusIsSpace: false) }),
            (1...500).contains(name.utf8.count), !name.contains("\0")
        else {
            throw .unknownStep
        }
        return name
    }

    static func goes(on isAsked: Bool) -> Response {
        Response(["status": "processing", "cancel_requested": .boolean(isAsked)])
    }

    static func end(_ members: [String: JSONValue]) throws(Problem) -> WorkEnd {
        switch members["status"]?.string {
        case "completed": return .completed(members["result"] ?? [:])
        case "failed": return .failed(try failure(members["error"]))
        default: return .released
        }
    }

    private static func failure(_ given: JSONValue?) throws(Problem) -> JobFailure {
        var faults: [InputShape.Fault] = []
        guard let given else { throw .invalid([.init(pointer: "#/error", detail: "is required of a job that failed")]) }
        guard let fields = SubmitJob.accept(given, errorShape, at: "#/error", &faults) else { throw .invalid(faults) }
        let (message, type) = (fields["message"]?.string ?? "", fields["type"]?.string ?? "error")
        if fields["retry"]?.boolean == false { return .permanent(message, type: type) }
        return .retry(message, type: type, afterMilliseconds: SubmitJob.milliseconds(fields["retry_after"]))
    }
}
