internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobModel
internal import NIOCore

/// `POST /mcp` and `POST /mcp/{tool}`: tools for models, each of them a request to this API. Whoever has a key may ask; what a tool needs
/// is looked at when it asks.
extension Reception {
    func speakMCP(_ exchange: Exchange) async throws -> Response {
        let tools = try toolService(exchange)
        let body = try await BodyReader.json(of: exchange.request)
        let message = ToolMessage(body: body) { exchange.header($0) }
        return try response(await tools.receive(message, through: InnerDoor(reception: self, exchange: exchange)), exchange)
    }

    func callTool(_ exchange: Exchange) async throws -> Response {
        let tools = try toolService(exchange)
        let arguments = try await BodyReader.optionalObject(of: exchange.request)
        let name = exchange.captured.first.flatMap { QueryReader.decode($0[...], plusIsSpace: false) } ?? ""
        return try response(await tools.call(name, arguments, through: InnerDoor(reception: self, exchange: exchange)), exchange)
    }

    /// Pages of other origins are refused under every rule: a browser may hold a key that its user did not mean for them.
    private func toolService(_ exchange: Exchange) throws(Problem) -> any ToolService {
        try Origins.refuseForeignPages(exchange.request, host: try Origins.host(of: exchange.request))
        guard let tools = settings.tools else { throw .unknownRoute }
        return tools
    }

    private func response(_ reply: ToolReply, _ exchange: Exchange) throws -> Response {
        let status = HTTPResponse.Status(code: reply.status)
        var headers: HTTPFields = [:]
        for (name, value) in reply.headers { headers[named: name] = value }
        switch reply.body {
        case .none: return Response(status: status, headers: headers)
        case .json(let value): return Response(value, status: status, headers: headers)
        case .problem(let document): throw Problem(document, status: status)
        case .stream(let messages): return stream(messages, exchange)
        }
    }

    /// Ends with its last message, or when the client goes: then nobody waits any more behind it, and the job goes on.
    private func stream(_ messages: AsyncStream<JSONValue>, _ exchange: Exchange) -> Response {
        var headers: HTTPFields = [.contentType: "text/event-stream", .cacheControl: "no-store", .connection: "close"]
        headers[named: "X-Accel-Buffering"] = "no"
        let behind = exchange.behindBody
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody { writer in
                try? await behind.consumeWithCancellationOnInboundClose { _ in
                    for await message in messages {
                        try await writer.write(ByteBuffer(string: "event: message\ndata: \(message.serialized)\n\n"))
                    }
                }
                try await writer.finish(nil)
            })
    }
}
