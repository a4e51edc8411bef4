/// A blocking connection of hiredis: the least a client can be. No task, no reconnect, no timeout, no copy of a reply.
/// Used by one thread at a time.
internal import CHiredis
internal import Glibc
internal import RedisWire

final class Hiredis {
    private let context: UnsafeMutablePointer<redisContext>

    init(_ address: RedisAddress) throws(BenchError) {
        guard !address.isEncrypted else {
            throw BenchError("The floor is measured without TLS: give the bench a redis:// or unix:// address.")
        }
        let opened =
            switch address.endpoint {
            case .tcp(let host, let port): redisConnect(host, Int32(port))
            case .unix(let path): redisConnectUnix(path)
            }
        guard let opened else { throw BenchError("hiredis has no memory for a connection") }
        context = opened
        guard opened.pointee.err == 0 else { throw BenchError("hiredis cannot connect to \(address): \(lastError)") }
        if let password = address.password { try call(["AUTH"] + (address.user.map { [$0] } ?? []) + [password]) }
        if address.database != 0 { try call(["SELECT", String(address.database)]) }
    }

    deinit { redisFree(context) }

    private var lastError: String {
        withUnsafeBytes(of: context.pointee.errstr) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// One round trip, the reply not looked at.
    func call(_ arguments: [String]) throws(BenchError) {
        append(Hiredis.encode(arguments))
        try reply { _ in }
    }

    /// A round trip whose reply is an array of bulks, or a string.
    func strings(_ arguments: [String]) throws(BenchError) -> [String] {
        append(Hiredis.encode(arguments))
        var found: [String] = []
        try reply { found = $0.type == REDIS_REPLY_ARRAY ? $0.children.compactMap(\.text) : [$0.text].compactMap(\.self) }
        return found
    }

    /// Goes out with the next `reply`.
    func append(_ command: [UInt8]) {
        _ = command.withUnsafeBytes { redisAppendFormattedCommand(context, $0.bindMemory(to: CChar.self).baseAddress, $0.count) }
    }

    /// Writes what waits, then reads the next reply, which lives as long as the call of `read`.
    func reply(_ read: (redisReply) -> Void) throws(BenchError) {
        var raw: UnsafeMutableRawPointer?
        guard redisGetReply(context, &raw) == REDIS_OK, let raw else { throw BenchError("hiredis lost its connection: \(lastError)") }
        defer { freeReplyObject(raw) }
        let reply = raw.assumingMemoryBound(to: redisReply.self).pointee
        if reply.type == REDIS_REPLY_ERROR { throw BenchError("Redis refused a command of the floor: \(reply.text ?? "")") }
        read(reply)
    }

    /// The time of each round trip, in microseconds.
    func timeEach(_ commands: [[UInt8]]) throws(BenchError) -> [Double] {
        var times: [Double] = []
        for command in commands {
            let begin = Monotonic.now
            append(command)
            try reply { _ in }
            times.append(Double(Monotonic.now - begin) / 1000)
        }
        return times
    }

    /// Seconds until all are answered. Never more than `depth` and one are under way.
    func timeAll(_ commands: [[UInt8]], depth: Int) throws(BenchError) -> Double {
        let begin = Monotonic.now
        for (index, command) in commands.enumerated() {
            append(command)
            if index >= depth { try reply { _ in } }
        }
        for _ in 0..<min(depth, commands.count) { try reply { _ in } }
        return Monotonic.seconds(from: begin, to: Monotonic.now)
    }

    /// By hiredis' own encoder. The texts lie in one buffer: pointers into an array of arrays would not hold.
    static func encode(_ arguments: [String]) -> [UInt8] {
        var bytes: [CChar] = []
        var starts: [Int] = []
        for argument in arguments {
            starts.append(bytes.count)
            bytes += argument.utf8.map { CChar(bitPattern: $0) }
        }
        let lengths = zip(starts, starts.dropFirst() + [bytes.count]).map { $1 - $0 }
        var command: UnsafeMutablePointer<CChar>?
        let count = bytes.withUnsafeBufferPointer { buffer in
            var pointers = starts.map { buffer.baseAddress?.advanced(by: $0) }
            return redisFormatCommandArgv(&command, Int32(arguments.count), &pointers, lengths)
        }
        defer { redisFreeCommand(command) }
        guard let command, count > 0 else { return [] }
        return Array(UnsafeRawBufferPointer(start: command, count: Int(count)))
    }
}

extension redisReply {
    var children: [redisReply] {
        UnsafeBufferPointer(start: element, count: elements).compactMap { $0?.pointee }
    }

    /// Of a bulk, a status or an error.
    var text: String? {
        str.map { String(decoding: UnsafeRawBufferPointer(start: $0, count: len), as: UTF8.self) }
    }
}
