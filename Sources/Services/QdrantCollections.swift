/// Names, makes and lists the collections of one installation.
/// What was seen to exist is remembered, so that storing a document asks once and not for each batch.
import JobModel
import Synchronization

final class QdrantCollections: Sendable {
    private let client: ServiceClient
    private let prefix: String
    private let known = Mutex<Set<String>>([])
    private let timeout: Duration

    init(client: ServiceClient, prefix: String, timeout: Duration) {
        self.client = client
        self.prefix = prefix
        self.timeout = timeout
    }

    /// Models whose names differ only in signs that a collection's name cannot carry stay apart by a digest.
    func name(model: String, dimension: Int) -> String {
        let isPlain: (UInt8) -> Bool = { $0 == 0x2d || (0x30...0x39).contains($0) || (0x61...0x7a).contains($0) }
        let plain = String(decoding: model.utf8.prefix(80).map { isPlain($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
        let suffix = plain == model ? "" : "-\(Digest.sha256(model).prefix(8))"
        return "\(prefix)_\(plain)\(suffix)_\(dimension)"
    }

    /// Several workers may do this at once; all of them end with the same collection.
    func ensure(model: String, dimension: Int) async throws(JobFailure) -> String {
        let name = name(model: model, dimension: dimension)
        if known.withLock({ $0.contains(name) }) { return name }
        if try await !exists(name) { try await create(name, dimension) }
        try await check(name, dimension)
        // Before it is filled: deleting by filter is slow without them. Repeating is harmless.
        try await index(name, "doc_id", "keyword")
        try await index(name, "gen", "integer")
        known.withLock { _ = $0.insert(name) }
        return name
    }

    /// After a 404: the next `ensure` looks again.
    func forget(_ name: String) { known.withLock { _ = $0.remove(name) } }

    /// Those of this prefix, whatever their model.
    func all() async throws(JobFailure) -> [String] {
        let result = try QdrantFailure.result(of: await client.send("GET", "/collections", within: timeout))
        guard let collections = result["collections"]?.array else { throw QdrantFailure.invalidAnswer }
        return collections.compactMap { $0["name"]?.string }.filter { $0.hasPrefix(prefix + "_") }
    }

    /// 200 either way: an absence is told from a wrong address.
    private func exists(_ name: String) async throws(JobFailure) -> Bool {
        let result = try QdrantFailure.result(of: await client.send("GET", "/collections/\(name)/exists", within: timeout))
        guard let exists = result["exists"]?.boolean else { throw QdrantFailure.invalidAnswer }
        return exists
    }

    private func create(_ name: String, _ dimension: Int) async throws(JobFailure) {
        let body: JSONValue = ["vectors": ["size": .integer(Int64(dimension)), "distance": "Cosine"]]
        let answer = try await client.send("PUT", "/collections/\(name)?timeout=30", body.bytes, within: timeout)
        // 409: another worker was faster.
        if answer.status != 409 { _ = try QdrantFailure.result(of: answer) }
    }

    /// Somebody may have made it by hand for other vectors: then nothing may be written.
    private func check(_ name: String, _ dimension: Int) async throws(JobFailure) {
        let result = try QdrantFailure.result(of: await client.send("GET", "/collections/\(name)", within: timeout))
        let vectors = result["config"]?["params"]?["vectors"]
        guard vectors?["size"]?.integer == dimension, vectors?["distance"]?.string == "Cosine" else {
            throw .permanent(
                "Qdrant's collection \(name) is not for vectors of \(dimension) numbers by cosine: rename or delete it",
                type: "invalid_service")
        }
    }

    private func index(_ name: String, _ field: String, _ type: String) async throws(JobFailure) {
        let body: JSONValue = ["field_name": .string(field), "field_schema": .string(type)]
        _ = try QdrantFailure.result(
            of: await client.send("PUT", "/collections/\(name)/index?wait=true", body.bytes, within: timeout))
    }
}
