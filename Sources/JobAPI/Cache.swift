internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/cache`: which answers of models are kept, how models do, and the way to be rid of answers. (Seeds: manageCache with stats, clear and
/// performance-analysis.)
extension Reception {
    func readCache(_ exchange: Exchange) async throws -> Response {
        let shelves = try await desk.cacheShelves()
        let known = try await desk.performance(kind: nil)
        return Response(CacheDocument.statistics(shelves, known))
    }

    func clearCache(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["kind", "model"])
        let kind = query.one("kind", maxBytes: 100)
        let model = query.one("model", maxBytes: 200).map(ModelName.plain)
        try query.finish()
        let cleared = try await desk.clearCache(kind: kind, model: model)
        let counts: [String: JSONValue] = ["cleared_entries": .integer(Int64(cleared.answers)), "complete": .boolean(cleared.isWhole)]
        exchange.notes.add(target: model ?? kind ?? "", counts)
        return Response(.object(counts))
    }

    func readModelPerformance(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["kind", "model", "task_category"])
        let kind = query.one("kind", maxBytes: 100)
        let model = query.one("model", maxBytes: 200).map(ModelName.plain)
        let category = query.one("task_category", maxBytes: 100)
        try query.finish()
        let known = try await desk.performance(kind: kind)
        let shown = known.filter { record in
            (model.map { record.place.model == $0 } ?? true) && (category.map { record.place.category == $0 } ?? true)
        }
        return Response([
            "models": .array(shown.map(CacheDocument.performance)), "count": .integer(Int64(shown.count)),
            "routing": .array(CacheDocument.routing(for: shown, known: known)),
        ])
    }
}

/// What the cache and the models did, as it is shown.
enum CacheDocument {
    /// Hits are all there ever were; those of answers that are gone stay counted with their models.
    static func statistics(_ shelves: [CacheShelf], _ known: [ModelPerformance]) -> JSONValue {
        let total = ModelPerformance.sum(known, ModelPlace(model: "", kind: "", category: ""))
        return [
            "entries": .integer(shelves.reduce(0) { $0 + $1.entries }), "bytes": .integer(shelves.reduce(0) { $0 + $1.bytes }),
            "hits": hits(total), "hit_rate": rate(total.exactHits + total.semanticHits, of: total.answers),
            "saved_seconds": .number((total.savedMilliseconds / 100).rounded() / 10), "models": .array(shelves.map(shelf)),
        ]
    }

    private static func shelf(_ shelf: CacheShelf) -> JSONValue {
        [
            "kind": .string(shelf.kind), "model": .string(shelf.model), "entries": .integer(shelf.entries), "bytes": .integer(shelf.bytes),
            "semantic_entries": .integer(shelf.comparable),
            "hits": ["exact": .integer(shelf.exactHits), "semantic": .integer(shelf.semanticHits)],
            "oldest_at": .string(shelf.oldest.description), "newest_at": .string(shelf.newest.description),
        ]
    }

    static func performance(_ record: ModelPerformance) -> JSONValue {
        let milliseconds = { (value: Double?) in value.map { JSONValue.number($0.rounded()) } ?? .null }
        return [
            "model": .string(record.place.model), "kind": .string(record.place.kind), "task_category": .string(record.place.category),
            "answers": .integer(record.answers), "failures": .integer(record.failures),
            "failure_rate": rate(record.failures, of: record.answers), "recent_failure_rate": rounded(record.recentFailures),
            "mean_ms": milliseconds(record.meanMilliseconds), "recent_ms": milliseconds(record.recentMilliseconds),
            "answer_tokens": .integer(record.totalTokens), "hits": hits(record),
            "hit_rate": rate(record.exactHits + record.semanticHits, of: record.answers),
            "saved_seconds": .number((record.savedMilliseconds / 100).rounded() / 10),
            "feedback": ["count": .integer(record.feedback), "mean_score": record.meanScore.map(rounded) ?? .null],
            "updated_at": .string(record.updatedAt.description),
        ]
    }

    /// What `auto` would choose now among the models that were asked, for each kind and category that is shown.
    static func routing(for shown: [ModelPerformance], known: [ModelPerformance]) -> [JSONValue] {
        // `auto` never compares embedders: their vectors cannot be exchanged.
        let pairs = Set(
            shown.filter { $0.place.kind != "embedding" }.map { ModelPlace(model: "", kind: $0.place.kind, category: $0.place.category) })
        return pairs.sorted { ($0.kind, $0.category) < ($1.kind, $1.category) }.compactMap { pair in
            let models = Set(known.filter { $0.place.kind == pair.kind && $0.calls + $0.feedback > 0 }.map(\.place.model)).sorted()
            let routing = ModelRouting(among: models, known: known, kind: pair.kind, category: pair.category)
            guard var document = routing?.document.object else { return nil }
            document["kind"] = .string(pair.kind)
            return .object(document)
        }
    }

    private static func hits(_ record: ModelPerformance) -> JSONValue {
        ["exact": .integer(record.exactHits), "semantic": .integer(record.semanticHits)]
    }

    private static func rate(_ part: Int64, of rest: Int64) -> JSONValue {
        part + rest > 0 ? rounded(Double(part) / Double(part + rest)) : .null
    }

    private static func rounded(_ value: Double) -> JSONValue { .number((value * 1000).rounded() / 1000) }
}
