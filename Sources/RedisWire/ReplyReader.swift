import CHiredis
import NIOCore

/// hiredis' parser behind a gate: `ReplyGate` sees every byte first, so hiredis never allocates for a reply that is too large or too deep.
/// Confined to the event loop of its socket.
final class ReplyReader {
    /// Owned: freed with this object, and never handed out.
    private let reader: UnsafeMutablePointer<redisReader>?
    private var gate: ReplyGate

    init(maxBytes: Int, maxDepth: Int) {
        reader = redisReaderCreate()
        gate = ReplyGate(maxBytes: maxBytes, maxDepth: min(maxDepth, 8))
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
        guard let raw else { return nil }
        defer { freeReplyObject(raw) }
        return RedisReply(raw.assumingMemoryBound(to: redisReply.self).pointee)
    }
}

extension RedisReply {
    /// Copies hiredis' tree, so that nothing of it outlives the call. The recursion is safe because the depth was limited before it was built;
    /// lengths and counts are hiredis' own, of memory that it allocated.
    fileprivate init(_ reply: redisReply) {
        switch reply.type {
        case REDIS_REPLY_STRING: self = .bulk(Array(UnsafeRawBufferPointer(start: reply.str, count: reply.len)))
        case REDIS_REPLY_INTEGER: self = .integer(reply.integer)
        case REDIS_REPLY_STATUS: self = .status(reply.text)
        case REDIS_REPLY_ERROR: self = .error(RedisServerError(line: reply.text))
        case REDIS_REPLY_ARRAY:
            let elements = UnsafeBufferPointer(start: reply.element, count: reply.elements)
            self = .array(elements.map { $0.map { RedisReply($0.pointee) } ?? .null })
        default: self = .null
        }
    }
}

extension redisReply {
    fileprivate var text: String {
        String(decoding: UnsafeRawBufferPointer(start: str, count: len), as: UTF8.self)
    }
}
