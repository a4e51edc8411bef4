/// The tools that models use, as the API serves them at `/mcp`. What they do they ask of `door`, the API as the caller may use it.
package protocol ToolService: Sendable {
    /// One message of the Model Context Protocol over HTTP.
    func receive(_ message: ToolMessage, through door: any APIDoor) async -> ToolReply

    /// One call in plain JSON: arguments in, document or problem out.
    func call(_ tool: String, _ arguments: [String: JSONValue], through door: any APIDoor) async -> ToolReply
}

package struct ToolMessage: Sendable {
    package let body: [UInt8]
    /// A field of the request by its name, in any case; nil where it was not sent.
    package let header: @Sendable (String) -> String?

    package init(body: [UInt8], header: @escaping @Sendable (String) -> String?) {
        self.body = body
        self.header = header
    }
}

package struct ToolReply: Sendable {
    package enum Body: Sendable {
        case none
        case json(JSONValue)
        case problem(JSONValue)
        /// Messages that are sent as they come, as server-sent events; whoever stops reading stops the waiting behind them.
        case stream(AsyncStream<JSONValue>)
    }

    package let status: Int
    package var headers: [String: String] = [:]
    package let body: Body

    package init(_ status: Int, _ body: Body) {
        self.status = status
        self.body = body
    }
}
