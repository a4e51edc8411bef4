/// One chunk of a document with its vector.
package struct VectorChunk: Sendable, Hashable {
    /// UUIDv5 of document and index: storing it again overwrites it.
    package let id: String
    package let index: Int
    package let text: String
    package let vector: [Float]

    package init(id: String, index: Int, text: String, vector: [Float]) {
        self.id = id
        self.index = index
        self.text = text
        self.vector = vector
    }
}

/// The document that chunks belong to, as a vector store keeps it in the payload.
package struct VectorDocument: Sendable, Hashable {
    package let id: String
    package let uri: String
    package let title: String
    /// Grows with every ingest of the document: chunks of an older generation are removed.
    package let generation: Int64
    package let model: String

    package init(id: String, uri: String, title: String, generation: Int64, model: String) {
        self.id = id
        self.uri = uri
        self.title = title
        self.generation = generation
        self.model = model
    }
}

package struct VectorMatch: Sendable, Hashable {
    package let documentID: String
    /// Of the document, when the chunk was stored: an older one than the document has now is on its way out.
    package let generation: Int64
    package let chunkIndex: Int
    package let text: String
    package let uri: String
    package let title: String
    /// Cosine similarity, -1 to 1.
    package let score: Double

    package init(documentID: String, generation: Int64, chunkIndex: Int, text: String, uri: String, title: String, score: Double) {
        self.documentID = documentID
        self.generation = generation
        self.chunkIndex = chunkIndex
        self.text = text
        self.uri = uri
        self.title = title
        self.score = score
    }
}

/// Where vectors are kept: PostgreSQL or Qdrant.
package protocol VectorStore: Sendable {
    var name: String { get }

    /// Puts these chunks in place of everything stored of the document; returns how many vectors were stored. May be repeated.
    func replace(_ document: VectorDocument, with chunks: [VectorChunk]) async throws(JobFailure) -> Int

    /// The nearest chunks of one model's vectors by cosine, best first. What the filter leaves out does not crowd out what fits; a store that cannot
    /// promise that may return chunks that do not fit, so the caller looks at them again. A vector without a direction is near nothing.
    func nearest(to vector: [Float], model: String, limit: Int, filter: DocumentFilter) async throws(JobFailure) -> [VectorMatch]

    func trouble() async -> String?
}

extension VectorStore {
    package func nearest(to vector: [Float], model: String, limit: Int) async throws(JobFailure) -> [VectorMatch] {
        try await nearest(to: vector, model: model, limit: limit, filter: DocumentFilter())
    }
}
