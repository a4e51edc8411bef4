/// Answers of models that are given again: what goes into the cache and what comes out of it.

/// A prompt as a vector of length 1, and the model that made it: vectors of two models have nothing to do with each other.
package struct PromptEmbedding: Sendable, Hashable {
    package let model: String
    package let vector: [Float]

    package init(model: String, vector: [Float]) {
        self.model = model
        self.vector = vector
    }
}

package struct AnswerToCache: Sendable {
    /// SHA-256 of the whole request.
    package let key: String
    /// SHA-256 of the request without its prompt.
    package let scope: String
    package let kind: String
    package let model: String
    package let digest: String?
    package let answer: JSONValue
    package let durationMilliseconds: Int64
    /// Nil: it is found by equal requests only.
    package let prompt: PromptEmbedding?

    package init(
        key: String, scope: String, kind: String, model: String, digest: String?, answer: JSONValue, durationMilliseconds: Int64,
        prompt: PromptEmbedding?
    ) {
        self.key = key
        self.scope = scope
        self.kind = kind
        self.model = model
        self.digest = digest
        self.answer = answer
        self.durationMilliseconds = durationMilliseconds
        self.prompt = prompt
    }
}

package struct CachedAnswer: Sendable, Hashable {
    package let key: String
    package let answer: JSONValue
    /// Cosine of the two prompts; 1 for equal ones.
    package let similarity: Double
    package let ageMilliseconds: Int64
    /// How long the model took for it.
    package let durationMilliseconds: Int64
    /// The job that asked.
    package let jobID: JobID

    package init(
        key: String, answer: JSONValue, similarity: Double, ageMilliseconds: Int64, durationMilliseconds: Int64, jobID: JobID
    ) {
        self.key = key
        self.answer = answer
        self.similarity = similarity
        self.ageMilliseconds = ageMilliseconds
        self.durationMilliseconds = durationMilliseconds
        self.jobID = jobID
    }
}

/// What the cache holds of one kind and model.
package struct CacheShelf: Sendable, Hashable {
    package let kind: String
    package let model: String
    package let entries: Int64
    package let bytes: Int64
    /// Those that are also found by meaning.
    package let comparable: Int64
    package let exactHits: Int64
    package let semanticHits: Int64
    package let oldest: Timestamp
    package let newest: Timestamp

    package init(
        kind: String, model: String, entries: Int64, bytes: Int64, comparable: Int64, exactHits: Int64, semanticHits: Int64,
        oldest: Timestamp, newest: Timestamp
    ) {
        self.kind = kind
        self.model = model
        self.entries = entries
        self.bytes = bytes
        self.comparable = comparable
        self.exactHits = exactHits
        self.semanticHits = semanticHits
        self.oldest = oldest
        self.newest = newest
    }
}
