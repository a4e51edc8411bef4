import JobModel
import NIOCore
import NIOPosix

/// One HTTP/1.1 connection that a test drives byte by byte: slowly, wrongly, or just as it should be.
final class RawConnection {
    struct Closed: Error {}

    private let channel: any Channel
    private var arriving: AsyncStream<ByteBuffer>.Iterator
    private var unread: [UInt8] = []

    /// With `reading` false nothing is taken off the socket until `readOn`.
    static func open(_ port: Int, reading: Bool = true, receiveBuffer: Int = 256 << 10) async throws -> RawConnection {
        let (stream, continuation) = AsyncStream<ByteBuffer>.makeStream()
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .channelOption(.autoRead, value: reading)
            .channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Arrivals(continuation))
                }
            }
        return RawConnection(try await bootstrap.connect(host: "127.0.0.1", port: port).get(), stream)
    }

    private init(_ channel: any Channel, _ stream: AsyncStream<ByteBuffer>) {
        self.channel = channel
        arriving = stream.makeAsyncIterator()
    }

    deinit {
        channel.close(promise: nil)
    }

    func send(_ bytes: [UInt8]) async throws {
        try await channel.writeAndFlush(ByteBuffer(bytes: bytes)).get()
    }

    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func close() async throws {
        try await channel.close().get()
    }

    /// One more byte every tenth of a second until the other side has had enough, or for half a minute.
    func dripUntilClosed() async {
        for _ in 0..<300 where channel.isActive && !Task.isCancelled {
            do {
                try await pause(.milliseconds(100))
                try await send("a")
            } catch { return }
        }
    }

    /// A slow client's pause, by a timer of the event loop.
    func pause(_ duration: Duration) async throws {
        try await channel.eventLoop.scheduleTask(in: TimeAmount(duration)) {}.futureResult.get()
    }

    func stopReading() async throws {
        try await channel.setOption(.autoRead, value: false).get()
    }

    func readOn() async throws {
        try await channel.setOption(.autoRead, value: true).get()
    }

    /// How many bytes come until the other side closes.
    @discardableResult func waitForClose() async -> Int {
        var count = unread.count
        while let buffer = await arriving.next(isolation: #isolation) { count += buffer.readableBytes }
        return count
    }

    /// Reads on until these bytes come, and keeps nothing; false when the other side closes before.
    func skip(to mark: [UInt8]) async -> Bool {
        var tail: [UInt8] = []
        while let buffer = await arriving.next(isolation: #isolation) {
            let bytes = tail + Array(buffer: buffer).suffix(1_000)
            if bytes.firstRange(of: mark) != nil { return true }
            tail = Array(bytes.suffix(mark.count))
        }
        return false
    }

    /// Status and fields of the next final answer; names in lower case.
    func head() async throws -> (status: Int, headers: [String: String]) {
        while true {
            let head = try await anyHead()
            if head.status >= 200 { return head }
        }
    }

    /// The next head, interim answers (1xx) included.
    func anyHead() async throws -> (status: Int, headers: [String: String]) {
        let lines = String(decoding: try await bytes(upTo: "\r\n\r\n"), as: UTF8.self).split(separator: "\r\n")
        let status = lines.first.flatMap { Int($0.split(separator: " ").dropFirst().first ?? "") } ?? 0
        let fields = lines.dropFirst().map { line in
            (line.prefix { $0 != ":" }.lowercased(), String(line.drop { $0 != ":" }.dropFirst().drop { $0 == " " }))
        }
        return (status, Dictionary(fields, uniquingKeysWith: { $0 + ", " + $1 }))
    }

    func body(_ headers: [String: String]) async throws -> [UInt8] {
        if let length = headers["content-length"].flatMap({ Int($0) }) { return try await bytes(count: length) }
        guard headers["transfer-encoding"] == "chunked" else { return [] }
        var body: [UInt8] = []
        while let chunk = try await chunk() { body += chunk }
        return body
    }

    /// The next chunk of a chunked body; nil at its end.
    func chunk() async throws -> [UInt8]? {
        let size = Int(String(decoding: try await bytes(upTo: "\r\n"), as: UTF8.self), radix: 16) ?? 0
        let chunk = try await bytes(count: size)
        _ = try await bytes(count: 2)
        return size == 0 ? nil : chunk
    }

    private func bytes(upTo end: String) async throws -> [UInt8] {
        while true {
            if let range = unread.firstRange(of: Array(end.utf8)) {
                defer { unread.removeFirst(range.upperBound) }
                return Array(unread[..<range.lowerBound])
            }
            try await readMore()
        }
    }

    func bytes(count: Int) async throws -> [UInt8] {
        while unread.count < count { try await readMore() }
        defer { unread.removeFirst(count) }
        return Array(unread[..<count])
    }

    private func readMore() async throws {
        guard let buffer = await arriving.next(isolation: #isolation) else { throw Closed() }
        unread += buffer.readableBytesView
    }
}

private final class Arrivals: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let continuation: AsyncStream<ByteBuffer>.Continuation

    init(_ continuation: AsyncStream<ByteBuffer>.Continuation) {
        self.continuation = continuation
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        continuation.yield(unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
        continuation.finish()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}
