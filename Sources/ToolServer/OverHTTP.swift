package import JobModel

/// The protocol over HTTP: one message a request, answered as JSON, or as a stream where a tool waits.
extension ToolServer: ToolService {
    package func receive(_ message: ToolMessage, through door: any APIDoor) async -> ToolReply {
        do throws(RPCFailure) { return try await reply(to: message, door) } catch {
            var reply = ToolReply(error.status, .json(error.document))
            reply.headers = error.headers
            return reply
        }
    }

    private func reply(to message: ToolMessage, _ door: any APIDoor) async throws(RPCFailure) -> ToolReply {
        let value: JSONValue
        do throws(JSONError) { value = try JSONReader.read(message.body) } catch { throw .notJSON(error) }
        guard case .request(let request) = try RPCMessage(value) else { return ToolReply(202, .none) }
        let isModern = Envelope.isModern(request, header: message.header)
        // Nothing is waited for under a number that another request could know: what a client cancels over HTTP, it closes.
        guard request.id != nil else { return ToolReply(202, .none) }
        do throws(RPCFailure) {
            if isModern {
                try Envelope.checkHeaders(request, header: message.header)
            } else {
                try checkVersion(request, message.header)
            }
            return try await answered(request, isModern, message, door)
        } catch { throw error.answering(request.id) }
    }

    private func checkVersion(_ request: RPCRequest, _ header: (String) -> String?) throws(RPCFailure) {
        guard let version = header("MCP-Protocol-Version").map(Envelope.trimmed), request.method != "initialize" else { return }
        guard ProtocolVersion.legacy.contains(version) || version == ProtocolVersion.assumed else {
            throw .invalidParams(
                "MCP-Protocol-Version \(version.prefix(100).debugDescription) is not supported; there are: "
                    + (ProtocolVersion.modern + ProtocolVersion.legacy).joined(separator: ", ") + ".", status: 400)
        }
    }

    /// A stream only where there is something to wait for and the client can read it.
    private func answered(
        _ request: RPCRequest, _ isModern: Bool, _ message: ToolMessage, _ door: any APIDoor
    ) async throws(RPCFailure) -> ToolReply {
        if request.method == "tools/call", Envelope.accepts(message.header("Accept"), "text/event-stream"),
            try await prepare(request, through: door).waits
        {
            return ToolReply(200, .stream(stream(request, isModern, door)))
        }
        return ToolReply(200, .json(try await answer(request, isModern: isModern, through: door, tell: nil)))
    }

    /// The task behind it ends with its reader.
    private func stream(_ request: RPCRequest, _ isModern: Bool, _ door: any APIDoor) -> AsyncStream<JSONValue> {
        let (stream, continuation) = AsyncStream<JSONValue>.makeStream()
        let task = Task {
            do throws(RPCFailure) {
                continuation.yield(
                    try await answer(request, isModern: isModern, through: door) { continuation.yield($0) })
            } catch { continuation.yield(error.document) }
            continuation.finish()
        }
        continuation.onTermination = { reason in
            if case .cancelled = reason { task.cancel() }
        }
        return stream
    }

    package func call(_ tool: String, _ arguments: [String: JSONValue], through door: any APIDoor) async -> ToolReply {
        do throws(ToolFault) {
            let table = try await self.table(door)
            guard let found = table[tool] else { throw ToolServer.unknownTool(tool, table) }
            let prepared = prepare(found, arguments, table)
            var call = ToolCall(arguments: try prepared.arguments.get(), door: door, kinds: table.kinds)
            call.isHeld = true
            let answer = try await found.run(call)
            let isUnderWay = answer.submitted != nil && answer.content["finished"] != true
            var reply = ToolReply(isUnderWay ? 202 : 200, .json(.object(answer.content)))
            if let id = answer.submitted { reply.headers["Location"] = "/jobs/\(id)" }
            if isUnderWay { reply.headers["Retry-After"] = answer.retryAfter }
            return reply
        } catch { return ToolReply(error.status, .problem(error.problem)) }
    }

    private static func unknownTool(_ name: String, _ table: ToolTable) -> ToolFault {
        let near = table.nearest(to: name)
        let advice = near.isEmpty ? "tools/list at POST /mcp has them all." : "Did you mean \(near.joined(separator: ", "))?"
        return ToolFault(
            status: 404, type: "unknown-tool", title: "Unknown tool", detail: "There is no tool of this name. \(advice)",
            ["known_tools": .array(table.tools.map { .string($0.name) })])
    }
}
