/// Requests over keep-alive connections, each on a blocking thread of its own: a caller that waits for one answer before it asks again.
internal import Glibc
internal import JobModel

/// One connection to a server on 127.0.0.1.
private struct Caller: ~Copyable {
    private let socket: Int32
    private var buffer = [UInt8](repeating: 0, count: 16 << 10)

    init(port: UInt16) throws(BenchError) {
        socket = Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
        }
        guard socket >= 0, result == 0 else { throw BenchError("The API cannot be reached: \(String(cString: strerror(errno)))") }
        var (on, limit) = (Int32(1), timeval(tv_sec: 30, tv_usec: 0))
        setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { if socket >= 0 { close(socket) } }

    /// The status of the answer, its body read and dropped.
    mutating func ask(_ request: [UInt8]) throws(BenchError) -> Int {
        guard send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw BenchError("The API took no request")
        }
        var answer: [UInt8] = []
        while true {
            let count = recv(socket, &buffer, buffer.count, 0)
            guard count > 0 else { throw BenchError("The API gave no answer") }
            answer += buffer.prefix(count)
            if let whole = Answer(answer), answer.count >= whole.length { return whole.status }
        }
    }
}

/// What the head of an answer says; nil while it is not whole.
struct Answer: Equatable {
    let status: Int
    /// Head and body.
    let length: Int

    init?(_ bytes: [UInt8]) {
        let text = String(decoding: bytes.prefix(8 << 10), as: UTF8.self)
        guard let end = text.firstRange(of: "\r\n\r\n") else { return nil }
        let lines = text[..<end.lowerBound].split(separator: "\r\n")
        let words = lines.first?.split(separator: " ") ?? []
        guard words.count >= 2, let status = Int(words[1]) else { return nil }
        let body = lines.first { $0.lowercased().hasPrefix("content-length:") }?.split(separator: ":").last?.filter { $0 != " " }
        self.status = status
        length = text[..<end.upperBound].utf8.count + (body.flatMap { Int($0) } ?? 0)
    }
}

extension BenchStage {
    /// Posts the jobs of a range over all connections; the times of the answers, in microseconds.
    func post(_ numbers: Range<Int>, to port: UInt16) async throws -> [Double] {
        let turns = Turns(numbers)
        return try await withThrowingTaskGroup(of: [Double].self) { group in
            for _ in 0..<plan.connections {
                group.addTask {
                    try await OwnThread.run { () throws(BenchError) in
                        var caller = try Caller(port: port)
                        var times: [Double] = []
                        while let number = turns.next() {
                            let request = httpRequest(number)
                            let begin = Monotonic.now
                            let status = try caller.ask(request)
                            guard status == 202 else { throw BenchError("The API answered \(status) instead of 202") }
                            times.append(Double(Monotonic.now - begin) / 1000)
                        }
                        return times
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func httpRequest(_ number: Int) -> [UInt8] {
        let body = JSONValue.object([
            "kind": .string(Noop.unrecorded.name), "input": Noop.input(number, timed: false, bytes: plan.inputBytes),
        ])
        .bytes
        let head = "POST /jobs HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: \(body.count)\r\n\r\n"
        return Array(head.utf8) + body
    }
}
