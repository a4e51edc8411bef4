/// What is asked of ingested documents by meaning, and what is found.
/// `JobKinds` searches, `JobAPI` asks; they meet in the assembly.

/// Which documents may be found; without anything, all.
package struct DocumentFilter: Sendable, Hashable {
    /// How the address begins: a site, a directory, or the whole of it.
    package var source: String?
    /// When it was ingested last: from then on, and before then.
    package var since: Timestamp?
    package var until: Timestamp?

    package init(source: String? = nil, since: Timestamp? = nil, until: Timestamp? = nil) {
        self.source = source
        self.since = since
        self.until = until
    }

    package var isEmpty: Bool { source == nil && since == nil && until == nil }
}

package struct DocumentQuestion: Sendable, Hashable {
    package var text: String
    package var limit: Int
    package var filter: DocumentFilter
    /// Worse ones are left out.
    package var leastScore: Double?
    /// So many chunks of one document at most.
    package var perSource: Int?

    package init(
        _ text: String, limit: Int = 10, filter: DocumentFilter = DocumentFilter(), leastScore: Double? = nil, perSource: Int? = nil
    ) {
        self.text = text
        self.limit = limit
        self.filter = filter
        self.leastScore = leastScore
        self.perSource = perSource
    }
}

/// A chunk that was found.
package struct DocumentHit: Sendable, Hashable {
    /// Cosine similarity, -1 to 1.
    package let score: Double
    package let text: String
    /// Its place in the document, from 0.
    package let chunk: Int
    package let document: KnownDocument

    package init(score: Double, text: String, chunk: Int, document: KnownDocument) {
        self.score = score
        self.text = text
        self.chunk = chunk
        self.document = document
    }
}

/// A document as the ledger has it now.
package struct KnownDocument: Sendable, Hashable {
    package let id: String
    package let generation: Int64
    package let uri: String
    package let title: String
    /// That ingested it last.
    package let jobID: JobID?
    package let ingestedAt: Timestamp

    package init(id: String, generation: Int64, uri: String, title: String, jobID: JobID?, ingestedAt: Timestamp) {
        self.id = id
        self.generation = generation
        self.uri = uri
        self.title = title
        self.jobID = jobID
        self.ingestedAt = ingestedAt
    }
}

package struct DocumentHits: Sendable, Hashable {
    /// Whose vectors were compared.
    package let model: String
    /// Best first; equal ones in the order of document and chunk.
    package let hits: [DocumentHit]

    package init(model: String, hits: [DocumentHit]) {
        self.model = model
        self.hits = hits
    }
}

package protocol DocumentSearch: Sendable {
    /// Changes nothing. `.retry` while a model server or a store is away or busy.
    func search(_ question: DocumentQuestion) async throws(JobFailure) -> DocumentHits
}

/// Which documents there are: for vector stores that know less of them than the ledger does.
package protocol DocumentDirectory: Sendable {
    /// The ids of all documents that fit, or nil when they are more than `most`.
    func documents(fitting filter: DocumentFilter, atMost most: Int) async throws(JobFailure) -> [String]?
}
