internal import JobModel

/// The Model Context Protocol without sessions: every message says all that is needed to answer it, so any process may.
/// Two eras are served side by side: `Envelope` tells them apart, `answer` is the same for both but for what a result must say of itself.
package struct ToolServer: Sendable {
    private let name = "tidewheel"
    private let version: String
    private let known = KnownTools()

    package init(version: String) { self.version = version }

    static let tasks = "io.modelcontextprotocol/tasks"
    /// How long a client may keep the list of tools: kinds may be registered at any time.
    private static let listAgeMilliseconds: Int64 = 10_000

    static let instructions = """
        Tidewheel runs long work as jobs. Tools that submit a job (crawl_web, ingest_doc, create_presentation, query_models, \
        analyze_with_thinking, submit_job and those named after a kind) return at once with a job id. Follow it with get_job_progress every few \
        seconds, or wait with wait_seconds; then get_job_result has what came of it. A job goes on when nobody waits for it. search_documents \
        finds what crawl_web and ingest_doc have stored. When a call fails, its text says what to do.
        """

    func table(_ door: any APIDoor) async throws(ToolFault) -> ToolTable {
        try await known.table(door)
    }

    /// The result of a request, or why there is none. `tell` takes what is to be said before the result; without it nobody hears that anything
    /// is still under way, and a tool waits no longer than a held answer does.
    func answer(
        _ request: RPCRequest, isModern: Bool, through door: any APIDoor, tell: (@Sendable (JSONValue) -> Void)?
    ) async throws(RPCFailure) -> JSONValue {
        do throws(RPCFailure) {
            let result = try await result(of: request, isModern, door, tell)
            return ["jsonrpc": "2.0", "id": request.id ?? .null, "result": .object(finished(result, isModern))]
        } catch { throw error.answering(request.id) }
    }

    private func result(
        of request: RPCRequest, _ isModern: Bool, _ door: any APIDoor, _ tell: (@Sendable (JSONValue) -> Void)?
    ) async throws(RPCFailure) -> [String: JSONValue] {
        switch request.method {
        case "tools/list": return try await list(request, isModern, door)
        case "tools/call": return try await run(try await prepare(request, through: door), request, isModern, door, tell)
        case "server/discover" where isModern: return discovery(door)
        case "tasks/get" where isModern, "tasks/cancel" where isModern, "tasks/update" where isModern:
            return try await Tasks(door: door).answer(request)
        case "initialize" where !isModern: return try initialization(request)
        case "ping" where !isModern: return [:]
        default: throw .unknownMethod(request.method, isModern: isModern)
        }
    }

    private func finished(_ result: [String: JSONValue], _ isModern: Bool) -> [String: JSONValue] {
        guard isModern else { return result }
        var result = result
        result["resultType"] = result["resultType"] ?? "complete"
        result["_meta"] = ["io.modelcontextprotocol/serverInfo": serverInfo]
        return result
    }

    private var serverInfo: JSONValue { ["name": .string(name), "title": "Tidewheel", "version": .string(version)] }

    /// Where keys are asked for, nobody's cache may answer those who have none.
    private func cacheScope(_ door: any APIDoor) -> JSONValue { door.asksForKeys ? "private" : "public" }

    private func discovery(_ door: any APIDoor) -> [String: JSONValue] {
        [
            "supportedVersions": .array(ProtocolVersion.modern.map(JSONValue.string)),
            "capabilities": ["tools": ["listChanged": false], "extensions": [ToolServer.tasks: [:]]],
            "instructions": .string(ToolServer.instructions), "ttlMs": 60_000, "cacheScope": cacheScope(door),
        ]
    }

    /// The client's version where it is known here, otherwise our newest one.
    private func initialization(_ request: RPCRequest) throws(RPCFailure) -> [String: JSONValue] {
        guard let asked = request.params["protocolVersion"]?.string else {
            throw .invalidParams("initialize needs protocolVersion, a string.")
        }
        let agreed = ProtocolVersion.legacy.contains(asked) ? asked : ProtocolVersion.legacy[0]
        return [
            "protocolVersion": .string(agreed), "capabilities": ["tools": ["listChanged": false]], "serverInfo": serverInfo,
            "instructions": .string(ToolServer.instructions),
        ]
    }

    private func list(_ request: RPCRequest, _ isModern: Bool, _ door: any APIDoor) async throws(RPCFailure) -> [String: JSONValue] {
        guard request.params["cursor"].map(\.isNull) ?? true else {
            throw .invalidParams("This cursor is unknown: the list of tools has one page.")
        }
        let table: ToolTable
        do throws(ToolFault) { table = try await self.table(door) } catch { throw .internalFault(error.text) }
        var result: [String: JSONValue] = ["tools": table.document]
        if isModern { result.merge(["ttlMs": .integer(ToolServer.listAgeMilliseconds), "cacheScope": cacheScope(door)]) { $1 } }
        return result
    }
}

/// A call whose tool was found and whose arguments were looked at.
struct PreparedCall: Sendable {
    let tool: Tool
    let kinds: [KindInfo]
    let arguments: Result<[String: JSONValue], ToolFault>

    /// Whether the tool is ready to wait for a job.
    var waits: Bool {
        guard let given = try? arguments.get(), !tool.inputs(given, kinds).contains(WaitField.name) else { return false }
        return (given[WaitField.name]?.integer ?? 0) > 0
    }
}

extension ToolServer {
    /// Throws for a tool that is not there. Arguments that do not fit are the tool's answer, because a model can mend them.
    func prepare(_ request: RPCRequest, through door: any APIDoor) async throws(RPCFailure) -> PreparedCall {
        guard let name = request.params["name"]?.string else { throw .invalidParams("tools/call needs name, a string.") }
        let given = request.params["arguments"].flatMap { $0.isNull ? nil : $0 } ?? [:]
        guard let given = given.object else { throw .invalidParams("arguments must be an object.") }
        let table: ToolTable
        do throws(ToolFault) { table = try await self.table(door) } catch { throw .internalFault(error.text) }
        guard let tool = table[name] else { throw ToolServer.unknown(name, table) }
        return prepare(tool, given, table)
    }

    func prepare(_ tool: Tool, _ given: [String: JSONValue], _ table: ToolTable) -> PreparedCall {
        let arguments: Result<[String: JSONValue], ToolFault>
        do throws(ToolFault) { arguments = .success(try tool.input.accept(given)) } catch { arguments = .failure(error) }
        return PreparedCall(tool: tool, kinds: table.kinds, arguments: arguments)
    }

    private static func unknown(_ name: String, _ table: ToolTable) -> RPCFailure {
        let near = table.nearest(to: name)
        let advice = near.isEmpty ? "tools/list has them all." : "Did you mean \(near.joined(separator: ", "))?"
        return .invalidParams(
            "There is no tool \(ToolNames.cut(name).debugDescription). \(advice)", data: ["near": .array(near.map(JSONValue.string))])
    }

    private func run(
        _ prepared: PreparedCall, _ request: RPCRequest, _ isModern: Bool, _ door: any APIDoor,
        _ tell: (@Sendable (JSONValue) -> Void)?
    ) async throws(RPCFailure) -> [String: JSONValue] {
        do throws(ToolFault) {
            var call = ToolCall(arguments: try prepared.arguments.get(), door: door, kinds: prepared.kinds)
            if let tell { call.progress = request.progressToken.map { ProgressTeller($0, tell) } } else { call.isHeld = true }
            call.traceparent = request.meta["traceparent"]?.string
            let answer = try await prepared.tool.run(call)
            if isModern, !prepared.waits, let id = answer.submitted, Tasks.areDeclared(by: request) {
                // Whoever may not look at the job gets no task of it, but its id.
                if let task = try? await Tasks(door: door).created(id) { return task }
            }
            return answer.result
        } catch { return error.result }
    }
}
