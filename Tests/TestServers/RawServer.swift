/// An HTTP server that says exactly the bytes it is told, wrong ones included: broken framing, silence, dripping, endless bodies.
/// Each connection has a thread of its own and may block. It reads requests whole and hands each to the script.
import Glibc
import Synchronization

package struct RawRequest: Sendable {
    package let method: String
    package let target: String
    /// Request line and header lines.
    package let head: String
    package let body: [UInt8]

    package func header(_ name: String) -> String? {
        let lines = head.split(separator: "\r\n").filter { $0.lowercased().hasPrefix(name.lowercased() + ":") }
        return lines.first.map { $0.drop { $0 != ":" }.dropFirst().drop { $0 == " " } }.map(String.init)
    }
}

package final class RawServer: Sendable {
    /// True keeps the connection for another request.
    package typealias Script = @Sendable (RawRequest, RawConnection) -> Bool

    package let port: Int
    package var url: String { "http://127.0.0.1:\(port)" }
    /// One element for each connection that ended.
    package let closings: AsyncStream<Void>

    /// One element when nobody listens any more.
    package let endings: AsyncStream<Void>

    private let listener: Int32
    private let ended: AsyncStream<Void>.Continuation
    private let script: Script
    private let closed: AsyncStream<Void>.Continuation
    private let seen = Mutex<(requests: [RawRequest], connections: Int)>(([], 0))

    package var requests: [RawRequest] { seen.withLock { $0.requests } }
    package var connections: Int { seen.withLock { $0.connections } }

    package init(_ script: @escaping Script) throws {
        self.script = script
        (closings, closed) = AsyncStream.makeStream()
        (endings, ended) = AsyncStream.makeStream()
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 512) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        self.listener = listener
        port = Int(UInt16(bigEndian: address.sin_port))
        guard isBound else { throw CannotListen() }
        RawServer.thread { while let serve = RawServer.next(listener, self) { serve() } }
    }

    package struct CannotListen: Error {}

    package func stop() { shutdown(listener, Int32(SHUT_RDWR)) }

    private static func next(_ listener: Int32, _ server: RawServer) -> (@Sendable () -> Void)? {
        let connection = accept(listener, nil, nil)
        guard connection >= 0 else {
            close(listener)
            server.ended.yield()
            return nil
        }
        server.seen.withLock { $0.connections += 1 }
        return { thread { server.serve(RawConnection(connection)) } }
    }

    private func serve(_ connection: RawConnection) {
        while let request = connection.readRequest() {
            seen.withLock { $0.requests.append(request) }
            guard script(request, connection) else { break }
        }
        connection.end()
        closed.yield()
    }

    private final class Box {
        let work: @Sendable () -> Void
        init(_ work: @escaping @Sendable () -> Void) { self.work = work }
    }

    private static func thread(_ work: @escaping @Sendable () -> Void) {
        var thread = pthread_t()
        let context = Unmanaged.passRetained(Box(work)).toOpaque()
        pthread_create(
            &thread, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<Box>.fromOpaque(context).takeRetainedValue().work()
                return nil
            }, context)
        pthread_detach(thread)
    }
}

package final class RawConnection: Sendable {
    private let socket: Int32

    fileprivate init(_ socket: Int32) { self.socket = socket }

    /// False when the peer is gone. Blocks while the peer does not read.
    @discardableResult
    package func send(_ bytes: [UInt8]) -> Bool {
        var start = 0
        while start < bytes.count {
            let count = bytes[start...].withUnsafeBytes { Glibc.send(socket, $0.baseAddress, bytes.count - start, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { return false }
            start += count
        }
        return true
    }

    @discardableResult
    package func send(_ text: String) -> Bool { send(Array(text.utf8)) }

    @discardableResult
    package func answer(_ status: Int = 200, _ headers: [String] = [], _ body: String = "") -> Bool {
        send((["HTTP/1.1 \(status) x", "Content-Length: \(body.utf8.count)"] + headers).joined(separator: "\r\n") + "\r\n\r\n" + body)
    }

    /// Says nothing until the peer goes away.
    package func waitForEnd() {
        var bytes = [UInt8](repeating: 0, count: 4096)
        while recv(socket, &bytes, bytes.count, 0) > 0 {}
    }

    /// A server's own slowness: true when the peer is still there afterwards.
    package func linger(milliseconds: Int32) -> Bool { isQuiet(for: Int16(POLLIN), milliseconds) }

    /// True when the peer took nothing more for that long.
    package func isStalled(milliseconds: Int32) -> Bool { isQuiet(for: Int16(POLLOUT), milliseconds) }

    fileprivate func end() { close(socket) }

    private func isQuiet(for events: Int16, _ milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: socket, events: events, revents: 0)
        return poll(&entry, 1, milliseconds) == 0
    }

    fileprivate func readRequest() -> RawRequest? {
        var all: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 16384)
        while true {
            let text = String(decoding: all, as: UTF8.self)
            if let end = text.firstRange(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                let words = head.split(separator: " ")
                let length = RawRequest(method: "", target: "", head: head, body: []).header("content-length").flatMap { Int($0) } ?? 0
                let body = all[(head.utf8.count + 4)...]
                if body.count >= length, words.count > 2 {
                    return RawRequest(method: String(words[0]), target: String(words[1]), head: head, body: Array(body.prefix(length)))
                }
            }
            let count = recv(socket, &piece, piece.count, 0)
            guard count > 0 else { return nil }
            all += piece.prefix(count)
        }
    }
}
