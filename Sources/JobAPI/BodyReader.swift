internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobModel
internal import NIOCore

/// Bodies, bounded before they are read and counted while they are.
enum BodyReader {
    static let maxJSONBytes = 1 << 20

    /// The whole body. A Content-Length over the limit is refused without reading; without one the bytes are counted.
    static func bytes(of request: Request, limit: Int) async throws -> [UInt8] {
        let announced = request.headers[.contentLength].flatMap { Int($0) }
        if let announced, announced > limit { throw Problem.tooLarge(limit: limit) }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(min(announced ?? 0, limit))
        for try await part in request.body {
            guard bytes.count + part.readableBytes <= limit else { throw Problem.tooLarge(limit: limit) }
            bytes += part.readableBytesView
        }
        if let announced, bytes.count != announced { throw Problem.incompleteBody }
        return bytes
    }

    /// A JSON object under the strict reader. Needs a JSON content type, which also keeps forms of foreign web pages out.
    static func object(of request: Request, limit: Int = maxJSONBytes) async throws -> [String: JSONValue] {
        try requireJSON(request)
        let bytes = try await bytes(of: request, limit: limit)
        guard !bytes.isEmpty else { throw Problem.emptyBody }
        let value: JSONValue
        do { value = try JSONReader.read(bytes) } catch { throw notJSON(error, in: bytes) }
        guard let members = value.object else { throw Problem.invalid([InputShape.Fault(pointer: "#", detail: "must be an object")]) }
        return members
    }

    /// The bytes of a body that says it is JSON, for those who tell its faults in words of their own.
    static func json(of request: Request) async throws -> [UInt8] {
        try requireJSON(request)
        return try await bytes(of: request, limit: maxJSONBytes)
    }

    /// The same where there may be no body at all.
    static func optionalObject(of request: Request) async throws -> [String: JSONValue] {
        let headers = request.headers
        guard headers[.contentLength].map({ $0 != "0" }) ?? (headers[.transferEncoding] != nil) else { return [:] }
        return try await object(of: request)
    }

    static func requireIdentity(_ request: Request) throws(Problem) {
        guard request.headers[.contentEncoding].map({ $0.lowercased() == "identity" }) ?? true else {
            throw .wrongContentType("Compressed bodies are not read; send the body without Content-Encoding.")
        }
    }

    private static func requireJSON(_ request: Request) throws(Problem) {
        try requireIdentity(request)
        let type = request.headers[.contentType]?.lowercased() ?? ""
        let essence = type.prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }
        let isJSON = essence == "application/json" || essence.hasPrefix("application/") && essence.hasSuffix("+json")
        let charset = type.split(separator: ";").dropFirst().map { $0.filter { $0 != " " && $0 != "\"" } }.first {
            $0.hasPrefix("charset=")
        }
        guard isJSON, charset == nil || charset == "charset=utf-8" else {
            throw .wrongContentType("Send JSON in UTF-8 with Content-Type: application/json.")
        }
    }

    private static func notJSON(_ error: JSONError, in bytes: [UInt8]) -> Problem {
        let before = bytes.prefix(error.offset)
        let line = before.count { $0 == UInt8(ascii: "\n") } + 1
        let column = before.count - (before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0) + 1
        return .notJSON(error, line: line, column: column)
    }
}
