import CHiredis
import NIOCore

/// hiredis' parser behind a gate: `ReplyGate` sees every byte first, so nothing is ever allocated for a reply that is too large or too deep.
/// hiredis builds no replies of its own: it tells `ReplyBuilder` what it reads. Confined to the event loop of its socket.
final class ReplyReader {
    /// Owned: freed with this object, and never handed out.
    private let reader: UnsafeMutablePointer<redisReader>?
    private let builder = ReplyBuilder()
    private var gate: ReplyGate

    init(maxBytes: Int, maxDepth: Int) {
        reader = redisReaderCreateWithFunctions(ReplyReader.functions)
        gate = ReplyGate(maxBytes: maxBytes, maxDepth: min(maxDepth, 8))
        // Unowned: the reader is freed before its builder.
        reader?.pointee.privdata = Unmanaged.passUnretained(builder).toOpaque()
    }

    deinit {
        if let reader { redisReaderFree(reader) }
    }

    /// Feeds what is allowed, hands out every reply that became whole, then throws if something was not allowed.
    func read(_ buffer: ByteBuffer, _ deliver: (RedisReply) -> Void) throws(RedisError) {
        guard let reader else { throw .protocolViolation("no memory for a reply reader") }
        let verdict = buffer.withUnsafeReadableBytes { bytes -> (isFed: Bool, refusal: String?) in
            let passed = gate.pass(bytes)
            let status = redisReaderFeed(reader, bytes.bindMemory(to: CChar.self).baseAddress, passed)
            return (status == REDIS_OK, gate.refusal)
        }
        guard verdict.isFed else { throw .protocolViolation("hiredis did not take the bytes") }
        while let reply = try next(reader) { deliver(reply) }
        if let refusal = verdict.refusal { throw .protocolViolation(refusal) }
    }

    /// Nil when the bytes so far end inside a reply; hiredis keeps them.
    private func next(_ reader: UnsafeMutablePointer<redisReader>) throws(RedisError) -> RedisReply? {
        var raw: UnsafeMutableRawPointer?
        guard redisReaderGetReply(reader, &raw) == REDIS_OK else { throw .protocolViolation("hiredis could not read a reply") }
        return raw == nil ? nil : builder.take()
    }

    /// Shared by all readers, and never freed. What they answer only says that there was memory: the reply is the builder's.
    nonisolated(unsafe) private static let functions: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let functions = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        functions.initialize(to: redisReplyObjectFunctions())
        functions.pointee.createString = { task, text, count in
            builder(of: task)?.add(text: UnsafeRawBufferPointer(start: text, count: count), type: task?.pointee.type ?? REDIS_REPLY_STRING)
            return done
        }
        functions.pointee.createArray = { task, count in
            builder(of: task)?.open(Int(count))
            return done
        }
        functions.pointee.createInteger = { task, value in
            builder(of: task)?.add(.integer(value))
            return done
        }
        functions.pointee.createNil = { task in
            builder(of: task)?.add(.null)
            return done
        }
        functions.pointee.freeObject = { _ in }
        return functions
    }()

    private static var done: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private static func builder(of task: UnsafePointer<redisReadTask>?) -> ReplyBuilder? {
        task?.pointee.privdata.map { Unmanaged<ReplyBuilder>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Puts together what hiredis reads, element by element: one allocation for a string. The depth was limited before.
final class ReplyBuilder {
    private var whole: RedisReply?
    /// Arrays that still lack elements.
    private var opened: [(missing: Int, elements: [RedisReply])] = []
    /// Short strings that came lately, by a hash of their bytes: names of fields, kinds and the like come over and over, and are one object.
    private var recent = [[UInt8]](repeating: [], count: 64)
    private static let longestRecent = 32

    func take() -> RedisReply? {
        defer { whole = nil }
        return whole
    }

    func open(_ count: Int) {
        guard count > 0 else { return add(.array([])) }
        var elements: [RedisReply] = []
        elements.reserveCapacity(count)
        opened.append((count, elements))
    }

    func add(text: UnsafeRawBufferPointer, type: Int32) {
        switch type {
        case REDIS_REPLY_STATUS: add(.status(String(decoding: text, as: UTF8.self)))
        case REDIS_REPLY_ERROR: add(.error(RedisServerError(line: String(decoding: text, as: UTF8.self))))
        default: add(.bulk(text.count <= ReplyBuilder.longestRecent ? known(text) : Array(text)))
        }
    }

    func add(_ reply: RedisReply) {
        var reply = reply
        while !opened.isEmpty {
            let last = opened.count - 1
            opened[last].elements.append(reply)
            opened[last].missing -= 1
            guard opened[last].missing == 0 else { return }
            reply = .array(opened.removeLast().elements)
        }
        whole = reply
    }

    private func known(_ text: UnsafeRawBufferPointer) -> [UInt8] {
        var hash = UInt32(truncatingIfNeeded: text.count)
        for byte in text { hash = hash &* 31 &+ UInt32(byte) }
        let place = Int((hash ^ hash >> 8) & 63)
        if recent[place].elementsEqual(text) { return recent[place] }
        recent[place] = Array(text)
        return recent[place]
    }
}
