/// The bytes behind a `uri`: the web (guarded), an upload, or a file below the configured root.
import JobLedger
import JobModel
import PageText

struct DocumentSource {
    struct Document: Sendable {
        /// What the document is stored under: the same document has the same one next time.
        let uri: String
        let address: WebAddress?
        let contentType: String?
        let type: DocumentType
        let bytes: [UInt8]
    }

    static let maxBytes = 32 << 20
    private let rooms: KindRooms

    init(_ rooms: KindRooms) {
        self.rooms = rooms
    }

    func read(_ uri: String, as wanted: DocumentType?) async throws(JobFailure) -> Document {
        let scheme = uri.prefix { $0 != ":" }.lowercased()
        switch scheme {
        case "http", "https": return try await web(uri, wanted)
        case "upload": return try await upload(String(uri.dropFirst("upload:".count)), uri, wanted)
        case "file": return try await file(uri, wanted)
        default: throw .permanent("uri must be an http or https address, upload:<id> or file:<path>", type: "invalid_input")
        }
    }

    private func web(_ uri: String, _ wanted: DocumentType?) async throws(JobFailure) -> Document {
        guard let address = WebAddress(uri) else { throw .permanent("uri is not an address that can be fetched", type: "invalid_input") }
        let fetch = PageFetch(fetcher: rooms.fetcher, maxPageBytes: Self.maxBytes, maxFileBytes: Self.maxBytes)
        switch try await fetch.document(at: address, as: wanted, { _ throws(JobFailure) in nil }) {
        case .failure(let reason): throw reason.failure("The document could not be fetched")
        case .success(let found):
            return Document(
                uri: found.address.description, address: found.address, contentType: found.contentType, type: found.type, bytes: found.bytes
            )
        }
    }

    private func upload(_ id: String, _ uri: String, _ wanted: DocumentType?) async throws(JobFailure) -> Document {
        let found: Upload?
        do { found = try await rooms.ledger.upload(id) } catch { throw JobFailure(database: error) }
        guard let found else { throw .permanent("there is no upload \(id.prefix(60)); upload the file first", type: "not_found") }
        let type = try type(wanted, contentType: found.contentType, name: found.name, bytes: found.bytes)
        return Document(uri: uri, address: nil, contentType: found.contentType, type: type, bytes: found.bytes)
    }

    private func file(_ uri: String, _ wanted: DocumentType?) async throws(JobFailure) -> Document {
        guard let root = rooms.fileRoot else {
            throw .permanent("files may not be ingested: no file root is configured; upload the file instead", type: "file_refused")
        }
        let found = try await RootedFile.read(uri, below: root, maxBytes: Self.maxBytes)
        let type = try type(wanted, contentType: nil, name: found.path, bytes: found.bytes)
        return Document(uri: "file:" + found.path, address: nil, contentType: nil, type: type, bytes: found.bytes)
    }

    private func type(
        _ wanted: DocumentType?, contentType: String?, name: String, bytes: [UInt8]
    ) throws(JobFailure) -> DocumentType {
        guard let type = wanted ?? DocumentType.detect(contentType: contentType, name: name, bytes: bytes) else {
            throw SkipReason.wrongType(contentType).failure("The document could not be read")
        }
        return type
    }
}
