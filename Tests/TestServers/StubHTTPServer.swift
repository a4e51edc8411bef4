/// An HTTP/1.1 server on 127.0.0.1 whose handler decides how each request is answered: well, slowly, without end, or not at all.
/// `RawServer` says wrong bytes; this one keeps to HTTP and is for everything above the protocol.
package import JobModel
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

package struct StubRequest: Sendable {
    package let method: String
    /// Path and query as sent.
    package let target: String
    package let headers: [(name: String, value: String)]
    package let body: [UInt8]

    package var path: String { String(target.prefix { $0 != "?" }) }

    package var json: JSONValue? { try? JSONReader.read(body) }

    package func header(_ name: String) -> String? {
        headers.first { $0.name.lowercased() == name.lowercased() }?.value
    }
}

package enum StubResponse: Sendable {
    case answer(Int = 200, headers: [(String, String)] = [], body: [UInt8] = [])
    /// Chunked. The closure decides when each piece goes out; the body ends when it returns.
    case stream(Int = 200, headers: [(String, String)] = [], @Sendable (StubWriter) async -> Void)
    /// Promises `length` bytes, sends the body, and closes.
    case truncated(length: Int, body: [UInt8])
    /// Repeats the piece until the client goes.
    case endless(headers: [(String, String)] = [], piece: [UInt8])
    /// Takes the request and never says a word.
    case silence
    /// The same, and the closure sees the connection: it notices that the client goes.
    case held(@Sendable (StubWriter) async -> Void)
    /// Closes the connection instead of answering.
    case drop

    package static func text(_ text: String, status: Int = 200, type: String = "text/plain") -> StubResponse {
        .answer(status, headers: [("Content-Type", type)], body: Array(text.utf8))
    }

    package static func html(_ text: String) -> StubResponse { .text(text, type: "text/html; charset=utf-8") }
    package static func json(_ text: String, status: Int = 200) -> StubResponse { .text(text, status: status, type: "application/json") }

    package static func value(_ value: JSONValue, _ status: Int = 200, _ headers: [(String, String)] = []) -> StubResponse {
        .answer(status, headers: [("Content-Type", "application/json")] + headers, body: value.bytes)
    }
}

/// The body of one streamed answer.
package struct StubWriter: Sendable {
    fileprivate let channel: any Channel

    /// Returns when the piece is on its way; false when the client has gone.
    @discardableResult
    package func write(_ bytes: [UInt8]) async -> Bool {
        let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: bytes)))
        return (try? await channel.writeAndFlush(part)) != nil
    }

    @discardableResult
    package func write(_ text: String) async -> Bool { await write(Array(text.utf8)) }

    /// Returns when the client has closed the connection.
    package func waitForDisconnect() async { try? await channel.closeFuture.get() }
}

package final class StubHTTPServer: Sendable {
    package typealias Handler = @Sendable (StubRequest) async -> StubResponse

    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)" }
    private let listener: any Channel
    private let seen: SeenRequests

    /// Everything that was asked so far, in the order of arrival.
    package var requests: [StubRequest] { seen.all.withLock { $0 } }

    package init(port: Int = 0, _ handler: @escaping Handler) async throws {
        let seen = SeenRequests()
        self.seen = seen
        listener = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.configureHTTPServerPipeline(withPipeliningAssistance: false)
                    try channel.pipeline.syncOperations.addHandler(StubConnection(seen: seen, handler: handler))
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        self.port = listener.localAddress?.port ?? 0
    }

    /// Listens no more. Connections that are open stay open.
    package func stop() async { try? await listener.close() }
}

private final class SeenRequests: Sendable {
    let all = Mutex<[StubRequest]>([])
}

/// Collects one request after the other and answers each. Clients that pipeline are not served in order.
private final class StubConnection: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let seen: SeenRequests
    private let handler: StubHTTPServer.Handler
    private var head: HTTPRequestHead?
    private var body: [UInt8] = []

    init(seen: SeenRequests, handler: @escaping StubHTTPServer.Handler) {
        self.seen = seen
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            self.head = head
            body = []
        case .body(let buffer): body += buffer.readableBytesView
        case .end: answer(context.channel)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func answer(_ channel: any Channel) {
        guard let head else { return }
        let request = StubRequest(
            method: head.method.rawValue, target: head.uri, headers: head.headers.map { ($0.name, $0.value) }, body: body)
        seen.all.withLock { $0.append(request) }
        let handler = handler
        Task { await StubAnswering(channel: channel, isHead: request.method == "HEAD").send(handler(request)) }
    }
}

private struct StubAnswering {
    let channel: any Channel
    let isHead: Bool

    func send(_ response: StubResponse) async {
        switch response {
        case .answer(let status, let headers, let body):
            // One flush at the end: a client that has the whole body may send its next request before a separate end would be written.
            begin(status, [("Content-Length", String(body.count))] + headers, flush: false)
            let part = HTTPServerResponsePart.body(.byteBuffer(ByteBuffer(bytes: body)))
            if !isHead { channel.write(part, promise: nil) }
            end()
        case .stream(let status, let headers, let pieces):
            begin(status, headers)
            await pieces(StubWriter(channel: channel))
            end()
        case .truncated(let length, let body):
            begin(200, [("Content-Length", String(length))])
            await StubWriter(channel: channel).write(body)
            channel.close(promise: nil)
        case .endless(let headers, let piece):
            begin(200, headers)
            while await StubWriter(channel: channel).write(piece) {}
        case .silence: break
        case .held(let watches): await watches(StubWriter(channel: channel))
        case .drop: channel.close(promise: nil)
        }
    }

    private func begin(_ status: Int, _ headers: [(String, String)], flush: Bool = true) {
        let head = HTTPResponseHead(version: .http1_1, status: .init(statusCode: status), headers: HTTPHeaders(headers))
        channel.write(HTTPServerResponsePart.head(head), promise: nil)
        if flush { channel.flush() }
    }

    private func end() { channel.writeAndFlush(HTTPServerResponsePart.end(nil), promise: nil) }
}
