/// `POST /search`: a query becomes a vector as the chunks did when they were ingested, the store tells the nearest, the ledger what they belong to.
/// What was replaced or removed meanwhile is left out, whichever store it came from.
package import JobLedger
package import JobModel

package struct SearchDocuments: DocumentSearch {
    /// Chunks that are looked at for one answer, at most.
    private static let mostMatches = 2_000
    /// Somebody waits: jobs that hold every permit do not keep them longer.
    private let patience: Duration
    /// For the vector of a query, with the wait; shorter than a permit is good.
    private let embedLimit: Duration
    private let ledger: JobLedger
    private let models: any ModelProvider
    private let vectors: any VectorStore
    private let embeddingModel: String
    private let remembered = QueryVectors()
    private let process = "search-\(JobID())"

    /// With the models, store and embedding model of the workers that ingest.
    package init(
        ledger: JobLedger, models: any ModelProvider, vectors: any VectorStore, embeddingModel: String,
        patience: Duration = .seconds(5), embedLimit: Duration = .seconds(20)
    ) {
        self.ledger = ledger
        self.models = models
        self.vectors = vectors
        self.embeddingModel = embeddingModel
        self.patience = patience
        self.embedLimit = embedLimit
    }

    package func search(_ question: DocumentQuestion) async throws(JobFailure) -> DocumentHits {
        let vector = try await vector(of: question.text)
        // More than wanted: some may be on their way out, or of a document that has its share. Looking again costs more than looking at many.
        var count = question.perSource == nil ? question.limit * 2 + 10 : Self.mostMatches / 4
        while true {
            let matches = try await vectors.nearest(to: vector, model: embeddingModel, limit: count, filter: question.filter)
            let documents = try await ledger.knownDocuments(Set(matches.map(\.documentID)))
            let hits = Self.hits(matches, documents, question)
            let isAll = matches.count < count || count == Self.mostMatches || Self.isBelow(question.leastScore, matches.last)
            if hits.count == question.limit || isAll { return DocumentHits(model: embeddingModel, hits: hits) }
            count = min(Self.mostMatches, count * 5)
        }
    }

    private static func isBelow(_ score: Double?, _ last: VectorMatch?) -> Bool {
        guard let score, let last else { return false }
        return last.score < score
    }

    /// The matches that stand and fit, best first, so many as were asked for.
    private static func hits(_ matches: [VectorMatch], _ documents: [String: KnownDocument], _ question: DocumentQuestion) -> [DocumentHit]
    {
        var hits: [DocumentHit] = []
        var counts: [String: Int] = [:]
        for match in matches where hits.count < question.limit {
            guard let document = documents[match.documentID], document.generation == match.generation, question.filter.fits(document),
                match.score.isFinite, match.score >= question.leastScore ?? -1,
                counts[document.id, default: 0] < question.perSource ?? .max
            else { continue }
            counts[document.id, default: 0] += 1
            hits.append(DocumentHit(score: match.score, text: match.text, chunk: match.chunkIndex, document: document))
        }
        return hits
    }

    private func vector(of text: String) async throws(JobFailure) -> [Float] {
        if let known = remembered[text] { return known }
        let caller = ModelCaller(askingBy: process, patience: patience)
        let made = try await within(embedLimit) { [models, embeddingModel] () throws(JobFailure) in
            do {
                return try await ModelCaller.$current.withValue(caller) { try await models.embed([text], model: embeddingModel) }
            } catch { throw error as? JobFailure ?? .cancelled }
        }
        guard let vector = made.first, made.count == 1 else {
            throw .retry("\(models.name) returned \(made.count) vectors for one text", type: "model_server")
        }
        remembered[text] = vector
        return vector
    }

    /// The first of the two to end decides; the other one is cancelled and waited for.
    private func within<Value: Sendable>(
        _ limit: Duration, _ work: @escaping @Sendable () async throws(JobFailure) -> Value
    ) async throws(JobFailure) -> Value {
        let late = JobFailure.retry(
            "\(models.name) did not turn the query into a vector in \(limit)", type: "timeout", afterMilliseconds: 5_000)
        let first = await withTaskGroup(of: Result<Value, JobFailure>.self) { group in
            group.addTask {
                do throws(JobFailure) { return .success(try await work()) } catch { return .failure(error) }
            }
            group.addTask {
                try? await Task.sleep(for: limit)
                return .failure(Task.isCancelled ? .cancelled : late)
            }
            let first = await group.next() ?? .failure(late)
            group.cancelAll()
            return first
        }
        return try first.get()
    }
}

extension DocumentFilter {
    /// As the stores see it: an address begins byte by byte, whatever Unicode takes for equal.
    func fits(_ document: KnownDocument) -> Bool {
        (source.map { document.uri.utf8.starts(with: $0.utf8) } ?? true)
            && (since.map { document.ingestedAt >= $0 } ?? true) && (until.map { document.ingestedAt < $0 } ?? true)
    }
}
