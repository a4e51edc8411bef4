internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobLedger
internal import JobModel
internal import Logging

/// `POST /uploads?filename=…`: the raw bytes of a file, kept in PostgreSQL for a `document` job with the uri `upload:<id>`.
extension Reception {
    func storeUpload(_ exchange: Exchange) async throws -> Response {
        try BodyReader.requireIdentity(exchange.request)
        try exchange.allowQuery("filename")
        let type = try Uploads.contentType(exchange)
        let name = try Uploads.name(exchange)
        guard let place = uploads.take() else { throw Problem.tooManyUploads }
        defer { withExtendedLifetime(place) {} }
        let bytes = try await BodyReader.bytes(of: exchange.request, limit: settings.maxUploadBytes)
        guard !bytes.isEmpty else { throw Problem.emptyBody }
        let stored: (id: String, sha256: String)
        do {
            stored = try await desk.ledger.storeUpload(name: name, contentType: type, bytes: bytes)
        } catch {
            logger.warning("An upload could not be stored", metadata: ["request_id": "\(exchange.requestID)", "error": "\(error)"])
            throw Problem.unavailable("PostgreSQL", retryAfter: 2)
        }
        return Response(
            [
                "upload_id": .string(stored.id), "uri": .string("upload:\(stored.id)"), "name": .string(name),
                "content_type": .string(type),
                "bytes": .integer(Int64(bytes.count)), "sha256": .string(stored.sha256),
            ], status: .created)
    }
}

enum Uploads {
    static func contentType(_ exchange: Exchange) throws(Problem) -> String {
        let given = exchange.header("Content-Type") ?? "application/octet-stream"
        guard (1...200).contains(given.utf8.count), given.utf8.allSatisfy({ (0x20...0x7e).contains($0) }) else {
            throw .badHeader("Content-Type", "must be at most 200 visible ASCII characters")
        }
        guard !given.lowercased().hasPrefix("multipart/") else {
            throw .wrongContentType("Send the bytes of the file as the body, with its own Content-Type and ?filename=; forms are not read.")
        }
        return given
    }

    /// A name, not a path: it is shown and helps to tell the type, and never opens a file.
    static func name(_ exchange: Exchange) throws(Problem) -> String {
        guard let name = exchange.query("filename") else { return "upload" }
        let isPlain = name.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f && $0 != "/" && $0 != "\\" }
        guard (1...255).contains(name.utf8.count), isPlain, name != ".", name != ".." else {
            throw .badQuery("filename", "must be a file name of 1 to 255 bytes without slashes and control characters")
        }
        return name
    }
}
