package import JobLedger
package import JobModel
internal import PostgresWire

/// What is remembered of models' answers: the cache, how models do, and what is thought of them. All of it is in SQL.
extension JobDesk {
    /// Answers that one call clears at most.
    package static let maxCleared = 100_000
    private static let clearBatch = 1_000

    package func cacheShelves() async throws(DeskError) -> [CacheShelf] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.cacheStatistics() })
    }

    /// How many answers are kept.
    package func cachedAnswers() async throws(DeskError) -> Int64 {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.cachedAnswers() })
    }

    /// Batch by batch, of what was kept before the call; `isWhole` is false when there may be more than one call takes.
    package func clearCache(kind: String?, model: String?) async throws(DeskError) -> (answers: Int, isWhole: Bool) {
        // The clocks of API and PostgreSQL may differ: what comes a moment later is cleared too rather than left.
        let before = Timestamp.now.advanced(byMilliseconds: 5_000)
        var cleared = 0
        while cleared < JobDesk.maxCleared {
            let gone = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.clearCache(kind: kind, model: model, before: before, limit: JobDesk.clearBatch)
            })
            cleared += gone
            if gone < JobDesk.clearBatch { return (cleared, true) }
        }
        return (cleared, false)
    }

    package func performance(kind: String?) async throws(DeskError) -> [ModelPerformance] {
        try await asking(postgres: { () throws(PostgresError) in try await ledger.performance(kind: kind) })
    }

    /// A bad answer is not given again: `cacheKey` is where it stands in the cache. Returns how many answers went, and how the model does now.
    package func give(
        _ feedback: ModelFeedback, cacheKey: String?
    ) async throws(DeskError) -> (uncached: Int, performance: ModelPerformance?) {
        var feedback = feedback
        feedback.givenBy = Submitter.current?.key.id ?? ""
        let given = feedback
        return try await asking(postgres: { () throws(PostgresError) in
            try await ledger.store(given)
            var uncached = 0
            if given.score < 0, let cacheKey { uncached = try await ledger.uncache(cacheKey) }
            let known = try await ledger.performance(models: [given.model], kind: given.kind, category: given.category)
            return (uncached, known.first)
        })
    }
}
