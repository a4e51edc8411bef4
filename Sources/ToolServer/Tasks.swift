internal import JobModel

/// The tasks extension: a task is a job, and its id the job's. A client that declares the extension gets tasks from tools that submit.
struct Tasks: Sendable {
    private static let pollMilliseconds: Int64 = 2_000
    let door: any APIDoor

    static func areDeclared(by request: RPCRequest) -> Bool {
        request.meta[Envelope.capabilitiesKey]?["extensions"]?[ToolServer.tasks]?.object != nil
    }

    /// What a submission is answered with; the job is recorded by then.
    func created(_ id: String) async throws(ToolFault) -> [String: JSONValue] {
        let job = try await ToolCall(arguments: [:], door: door, kinds: []).job(id)
        return members(of: job).merging(["resultType": "task"]) { $1 }
    }

    func answer(_ request: RPCRequest) async throws(RPCFailure) -> [String: JSONValue] {
        guard Tasks.areDeclared(by: request) else {
            throw .missingCapability(
                "Declare the extension \(ToolServer.tasks) in clientCapabilities to use tasks.", ["extensions": [ToolServer.tasks: [:]]])
        }
        guard let id = request.params["taskId"]?.string else { throw .invalidParams("\(request.method) needs taskId, a string.") }
        do throws(ToolFault) {
            let call = ToolCall(arguments: [:], door: door, kinds: [])
            // Whoever may cancel a job need not be allowed to read it.
            if request.method == "tasks/cancel" {
                try await cancel(id, call)
                return [:]
            }
            let job = try await call.job(id)
            return request.method == "tasks/update" ? [:] : detailed(job)
        } catch {
            guard error.type == "unknown-job" else { throw .internalFault(error.text, status: error.status == 403 ? 403 : 200) }
            throw .invalidParams("There is no task \(id.prefix(100).debugDescription), or it has expired.")
        }
    }

    /// May be repeated; a task that has ended stays as it is.
    private func cancel(_ id: String, _ call: ToolCall) async throws(ToolFault) {
        do throws(ToolFault) { _ = try await call.ask(DoorRequest("POST", "jobs", id, "cancel")) } catch {
            guard error.type == "already-ended" else { throw error }
        }
    }

    /// A failed job is a tool's bad news: the task is completed. What a task is when it failed, no job ever is.
    private func members(of job: JobView) -> [String: JSONValue] {
        let status = job.state == "cancelled" ? "cancelled" : job.hasEnded ? "completed" : "working"
        var members: [String: JSONValue] = [
            "taskId": .string(job.id), "status": .string(status), "createdAt": job.document["created_at"] ?? "",
            "lastUpdatedAt": job.document["updated_at"] ?? job.document["created_at"] ?? "", "ttlMs": .null,
            "pollIntervalMs": .integer(Tasks.pollMilliseconds),
        ]
        let message = job.document["message"]?.string ?? job.word
        members["statusMessage"] = .string(status == "working" ? "\(Spelling.short(job.percent))%: \(message)" : message)
        return members
    }

    private func detailed(_ job: JobView) -> [String: JSONValue] {
        var members = members(of: job)
        if members["status"] == "completed" { members["result"] = .object(ResultText.answer(job).result) }
        return members
    }
}
