/// Server-sent events as the HTML standard has them: bytes in, events out. `JobWatch` follows a job with them.
internal import WebFetch

package struct ServerEvent: Sendable, Hashable {
    /// The last `id` of the stream so far; nil before there was one.
    package var id: String?
    /// Whether this event had an `id` of its own.
    package var isNumbered = false
    /// `message` where the event has no name.
    package var name = "message"
    package var data = ""
}

/// The events of one answer, as they come; ends with the answer, throws when the connection is lost before its end.
package struct ServerEvents: AsyncSequence, Sendable {
    package typealias Element = ServerEvent
    package typealias Failure = TidewheelError

    let body: FetchBody

    package struct AsyncIterator: AsyncIteratorProtocol {
        private var chunks: FetchBody.AsyncIterator
        private var reader = ServerEventReader()
        private var ready: ArraySlice<ServerEvent> = []

        init(_ body: FetchBody) { chunks = body.makeAsyncIterator() }

        /// What the server asked clients to wait before they connect again.
        package var retry: Duration? { reader.retry }

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(TidewheelError) -> ServerEvent? {
            while true {
                if let event = ready.popFirst() { return event }
                do {
                    guard let chunk = try await chunks.next(isolation: actor) else { return nil }
                    ready = try reader.received(chunk)[...]
                } catch let error as FetchError {
                    throw TidewheelError(error)
                } catch let error as TidewheelError {
                    throw error
                } catch { throw .invalidAnswer("\(error)") }
            }
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(body) }
}

/// Splits a stream into events. A value: tested without a connection.
struct ServerEventReader {
    private(set) var retry: Duration?
    private var line: [UInt8] = []
    private var endedWithReturn = false
    private var isAtStart = true
    private var lastID: String?
    private var event = ServerEvent()
    private var data: [UInt8]?

    /// Of one event; more than any result the API keeps.
    static let maxBytes = 64 << 20

    /// Lines end with LF, CR or CRLF, which may come in two pieces.
    mutating func received(_ bytes: some Sequence<UInt8>) throws(TidewheelError) -> [ServerEvent] {
        var events: [ServerEvent] = []
        for byte in bytes {
            if byte == UInt8(ascii: "\n"), endedWithReturn {
                endedWithReturn = false
                continue
            }
            endedWithReturn = byte == UInt8(ascii: "\r")
            if byte == UInt8(ascii: "\n") || endedWithReturn {
                if let event = endLine() { events.append(event) }
            } else {
                line.append(byte)
            }
        }
        guard line.count + (data?.count ?? 0) <= Self.maxBytes else {
            throw .invalidAnswer("an event is larger than \(Self.maxBytes) bytes")
        }
        return events
    }

    private mutating func endLine() -> ServerEvent? {
        defer { line.removeAll(keepingCapacity: true) }
        if isAtStart, line.starts(with: [0xEF, 0xBB, 0xBF]) { line.removeFirst(3) }
        isAtStart = false
        if line.isEmpty { return endEvent() }
        let colon = line.firstIndex(of: UInt8(ascii: ":")) ?? line.endIndex
        var value = line[min(colon + 1, line.endIndex)...]
        if value.first == UInt8(ascii: " ") { value.removeFirst() }
        field(String(decoding: line[..<colon], as: UTF8.self), value)
        return nil
    }

    private mutating func field(_ name: String, _ value: ArraySlice<UInt8>) {
        switch name {
        case "event": event.name = String(decoding: value, as: UTF8.self)
        case "data": if data == nil { data = Array(value) } else { data! += [UInt8(ascii: "\n")] + value }
        case "id" where !value.contains(0):
            lastID = String(decoding: value, as: UTF8.self)
            event.isNumbered = true
        case "retry":
            if let milliseconds = Int(String(decoding: value, as: UTF8.self)), milliseconds >= 0 {
                retry = .milliseconds(min(milliseconds, 600_000))
            }
        default: break
        }
    }

    /// A block without data is no event.
    private mutating func endEvent() -> ServerEvent? {
        defer { (event, data) = (ServerEvent(), nil) }
        guard let data else { return nil }
        var whole = event
        whole.id = lastID
        if whole.name.isEmpty { whole.name = "message" }
        whole.data = String(decoding: data, as: UTF8.self)
        return whole
    }
}
