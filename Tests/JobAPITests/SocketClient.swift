import JobModel

@testable import JobAPI

/// A WebSocket that a test drives frame by frame, rightly or wrongly.
final class SocketClient {
    enum Frame: Equatable {
        case text(JSONValue)
        case ping, pong
        case close(UInt16)
    }

    let head: (status: Int, headers: [String: String])
    private let connection: RawConnection

    static let handshake = [
        "Upgrade": "websocket", "Connection": "keep-alive, Upgrade", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    ]

    init(_ api: RunningAPI, _ headers: [String: String] = [:], reading: Bool = true) async throws {
        connection = try await RawConnection.open(api.port, receiveBuffer: reading ? 256 << 10 : 128 << 10)
        try await connection.send(RunningAPI.head("GET", "/ws", SocketClient.handshake.merging(headers) { $1 }))
        head = try await connection.anyHead()
        if !reading { try await connection.stopReading() }
    }

    func send(_ json: JSONValue) async throws {
        try await send(0x81, json.bytes)
    }

    /// Masked, as clients do it, or not.
    func send(_ first: UInt8, _ payload: [UInt8], masked: Bool = true) async throws {
        let mask: [UInt8] = masked ? [1, 2, 3, 4] : [0, 0, 0, 0]
        let flag: UInt8 = masked ? 0x80 : 0
        var bytes = [first]
        switch payload.count {
        case ...125: bytes.append(flag | UInt8(payload.count))
        case ...0xffff: bytes += [flag | 126, UInt8(payload.count >> 8), UInt8(payload.count & 0xff)]
        default: bytes += [flag | 127] + (0..<8).reversed().map { UInt8(truncatingIfNeeded: payload.count >> ($0 * 8)) }
        }
        if masked { bytes += mask }
        try await connection.send(bytes + payload.enumerated().map { $1 ^ mask[$0 & 3] })
    }

    /// The next frame; nil when the server has closed the connection.
    func frame() async throws -> Frame? {
        do {
            let head = try await connection.bytes(count: 2)
            var length = Int(head[1])
            if length == 126 { length = try await connection.bytes(count: 2).reduce(0) { $0 << 8 | Int($1) } }
            if length == 127 { length = try await connection.bytes(count: 8).reduce(0) { $0 << 8 | Int($1) } }
            let payload = try await connection.bytes(count: length)
            switch head[0] {
            case 0x81: return .text(try JSONReader.read(payload, depth: 256))
            case 0x89: return .ping
            case 0x8a: return .pong
            case 0x88: return .close(payload.prefix(2).reduce(0) { $0 << 8 | UInt16($1) })
            default: throw Unexpected(what: "frame \(head[0])")
            }
        } catch is RawConnection.Closed { return nil }
    }

    /// The next message.
    func message() async throws -> JSONValue {
        while let frame = try await frame() {
            if case .text(let json) = frame { return json }
            if case .close(let code) = frame { throw Unexpected(what: "closed with \(code)") }
        }
        throw Unexpected(what: "closed")
    }

    /// Messages up to one of this type.
    func messages(upTo type: String) async throws -> [JSONValue] {
        var messages: [JSONValue] = []
        while messages.last?["type"]?.string != type { messages.append(try await message()) }
        return messages
    }

    /// The code that the server closes with, whatever comes before.
    func closeCode() async throws -> UInt16? {
        while let frame = try await frame() {
            if case .close(let code) = frame { return code }
        }
        return nil
    }

    func watch(_ id: JobID, after: Int64 = 0) async throws {
        try await send(["type": "watch", "job_id": .string(id.description), "after": .integer(after)])
    }

    func pause(_ duration: Duration) async throws { try await connection.pause(duration) }

    /// For a client that has read nothing but the head: whether it is told, behind all that has come, that it was too slow.
    func wasDropped() async throws -> Bool {
        try await connection.readOn()
        return await connection.skip(to: [0x03, 0xf5] + Array("you read too slowly".utf8))
    }

    func leave() async throws { try await connection.close() }
}
