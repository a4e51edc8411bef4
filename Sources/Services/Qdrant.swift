/// Vectors in Qdrant, over REST. One collection for each model and dimension, because a collection's vector size can never change.
/// `QdrantCollections` makes and finds them; `QdrantFailure` says what the statuses mean.
package import JobModel
package import WebFetch

package struct Qdrant: VectorStore {
    package let name = "qdrant"

    private let client: ServiceClient
    private let collections: QdrantCollections
    private let batchSize: Int
    private let timeout: Duration
    /// Says which documents fit a filter: points have no time, and older servers find no beginnings of addresses.
    private let directory: any DocumentDirectory
    /// Of documents that a query is narrowed to; where more fit, whoever asks looks through what comes.
    static let mostDocuments = 5_000

    /// `prefix` begins the name of every collection: two installations may share a server. `timeout` is for one request.
    package init(
        url: String, apiKey: String? = nil, fetcher: Fetcher, directory: any DocumentDirectory, prefix: String = "tidewheel",
        batchSize: Int = 100, timeout: Duration = .seconds(60)
    ) {
        client = ServiceClient(name: "Qdrant", url: url, headers: apiKey.map { [("api-key", $0)] } ?? [], fetcher: fetcher)
        collections = QdrantCollections(client: client, prefix: prefix, timeout: timeout)
        self.batchSize = max(1, batchSize)
        self.timeout = timeout
        self.directory = directory
    }

    /// New chunks first, then the older generations go, in every collection: a query in between finds old or new text, never nothing.
    package func replace(_ document: VectorDocument, with chunks: [VectorChunk]) async throws(JobFailure) -> Int {
        if let dimension = chunks.first?.vector.count {
            guard dimension > 0, chunks.allSatisfy({ $0.vector.count == dimension && $0.vector.allSatisfy(\.isFinite) }) else {
                throw .permanent("The vectors of a document must be finite and of one length", type: "invalid_vector")
            }
            let collection = try await collections.ensure(model: document.model, dimension: dimension)
            for start in stride(from: 0, to: chunks.count, by: batchSize) {
                try await upsert(chunks[start..<min(start + batchSize, chunks.count)], of: document, into: collection)
            }
        }
        for collection in try await collections.all() { try await deleteOlder(than: document, in: collection) }
        return chunks.count
    }

    /// Also finds chunks of documents that are being replaced right now, old or new.
    package func nearest(
        to vector: [Float], model: String, limit: Int, filter: DocumentFilter
    ) async throws(JobFailure) -> [VectorMatch] {
        guard limit > 0, vector.contains(where: { $0 != 0 }), vector.allSatisfy(\.isFinite) else { return [] }
        let fitting = filter.isEmpty ? nil : try await directory.documents(fitting: filter, atMost: Self.mostDocuments)
        if let fitting, fitting.isEmpty { return [] }
        var body = Array(#"{"query":"#.utf8) + Vectors.json(vector) + Array(#","limit":\#(limit),"with_payload":true"#.utf8)
        if let fitting {
            let isFitting: JSONValue = ["must": [["key": "doc_id", "match": ["any": .array(fitting.map(JSONValue.string))]]]]
            body += Array(#","filter":"#.utf8) + isFitting.bytes
        }
        body.append(UInt8(ascii: "}"))
        let collection = collections.name(model: model, dimension: vector.count)
        let answer = try await client.send("POST", "/collections/\(collection)/points/query", body, within: timeout)
        // Nothing was ever stored for this model.
        if answer.status == 404 { return [] }
        let result = try QdrantFailure.result(of: answer)
        guard let points = result["points"]?.array else { throw QdrantFailure.invalidAnswer }
        // Equal ones come in any order.
        return points.compactMap(Self.match).sorted {
            ($1.score, $0.documentID, $0.chunkIndex) < ($0.score, $1.documentID, $1.chunkIndex)
        }
    }

    package func trouble() async -> String? {
        // Also proves the key, which the health routes do not ask for.
        await client.trouble(at: "/collections", failure: QdrantFailure.of)
    }

    /// Ids are the caller's: repeating a batch overwrites the same points.
    private func upsert(
        _ chunks: ArraySlice<VectorChunk>, of document: VectorDocument, into collection: String
    ) async throws(JobFailure) {
        var body = Array(#"{"points":["#.utf8)
        for (index, chunk) in chunks.enumerated() {
            if index > 0 { body.append(UInt8(ascii: ",")) }
            body += #"{"id":\#(JSONValue.string(chunk.id).serialized),"payload":"#.utf8
            body += Self.payload(chunk, document).bytes
            body += #","vector":"#.utf8
            body += Vectors.json(chunk.vector)
            body.append(UInt8(ascii: "}"))
        }
        body += "]}".utf8
        let answer = try await client.send("PUT", "/collections/\(collection)/points?wait=true", body, within: timeout)
        switch answer.status {
        case 413 where chunks.count > 1:  // from a proxy in front: Qdrant itself says 400
            let middle = chunks.startIndex + chunks.count / 2
            try await upsert(chunks[..<middle], of: document, into: collection)
            try await upsert(chunks[middle...], of: document, into: collection)
        case 404:
            collections.forget(collection)
            throw .retry("Qdrant's collection \(collection) is gone; the next attempt creates it again", type: "http_404")
        default:
            try QdrantFailure.requireCompleted(answer)
        }
    }

    /// By filter and generation, never by an empty filter: that would match every point.
    private func deleteOlder(than document: VectorDocument, in collection: String) async throws(JobFailure) {
        let filter: JSONValue = [
            "must": [
                ["key": "doc_id", "match": ["value": .string(document.id)]],
                ["key": "gen", "range": ["lt": .integer(document.generation)]],
            ]
        ]
        let body: JSONValue = ["filter": filter]
        let answer = try await client.send(
            "POST", "/collections/\(collection)/points/delete?wait=true", body.bytes, within: timeout)
        // Somebody removed the collection meanwhile: nothing older is left in it.
        if answer.status != 404 { try QdrantFailure.requireCompleted(answer) }
    }

    /// Without U+0000: our own strict reader would refuse the whole answer that brings it back.
    private static func payload(_ chunk: VectorChunk, _ document: VectorDocument) -> JSONValue {
        let payload: JSONValue = [
            "doc_id": .string(document.id), "gen": .integer(document.generation), "model": .string(document.model),
            "uri": .string(document.uri), "title": .string(document.title),
            "chunk": .integer(Int64(chunk.index)), "text": .string(chunk.text),
        ]
        return payload.withoutNulls
    }

    /// Nil for a point that somebody else put into the collection.
    private static func match(_ point: JSONValue) -> VectorMatch? {
        guard let payload = point["payload"], let id = payload["doc_id"]?.string, let index = payload["chunk"]?.integer,
            let text = payload["text"]?.string, let score = point["score"]?.number, let generation = payload["gen"]?.integer
        else { return nil }
        return VectorMatch(
            documentID: id, generation: Int64(generation), chunkIndex: index, text: text, uri: payload["uri"]?.string ?? "",
            title: payload["title"]?.string ?? "", score: max(-1, min(1, score)))
    }
}
