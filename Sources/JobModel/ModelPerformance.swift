/// How models do at kinds of tasks, and what is thought of their answers.

/// For what a model was asked.
package struct ModelPlace: Sendable, Hashable {
    /// Where a submission does not say what sort of task it is.
    package static let generalCategory = "general"

    package let model: String
    package let kind: String
    package let category: String

    package init(model: String, kind: String, category: String) {
        self.model = ModelName.plain(model)
        self.kind = kind
        self.category = category
    }
}

/// One question to a model, or to the cache in its place.
package struct ModelCall: Sendable, Hashable {
    package enum Outcome: Sendable, Hashable {
        case answered(milliseconds: Int64, tokens: Int)
        case failed
        /// How long the answer had taken when it was made.
        case exactHit(saved: Int64)
        case semanticHit(saved: Int64)
    }

    package let place: ModelPlace
    package let outcome: Outcome

    package init(_ place: ModelPlace, _ outcome: Outcome) {
        self.place = place
        self.outcome = outcome
    }
}

package struct ModelPerformance: Sendable, Hashable {
    package let place: ModelPlace
    package var answers: Int64 = 0
    package var failures: Int64 = 0
    package var totalMilliseconds = 0.0
    package var totalTokens: Int64 = 0
    /// A moving mean, in which each new answer is a tenth.
    package var recentMilliseconds: Double?
    /// 0 to 1, in the same way.
    package var recentFailures = 0.0
    package var exactHits: Int64 = 0
    package var semanticHits: Int64 = 0
    package var savedMilliseconds = 0.0
    package var feedback: Int64 = 0
    package var feedbackSum = 0.0
    package var updatedAt = Timestamp.now

    package init(_ place: ModelPlace) {
        self.place = place
    }

    package var calls: Int64 { answers + failures }
    package var meanMilliseconds: Double? { answers > 0 ? totalMilliseconds / Double(answers) : nil }
    package var meanScore: Double? { feedback > 0 ? feedbackSum / Double(feedback) : nil }

    /// Of several categories of one model and kind.
    package static func sum(_ parts: [ModelPerformance], _ place: ModelPlace) -> ModelPerformance {
        var sum = ModelPerformance(place)
        for part in parts {
            sum.answers += part.answers
            sum.failures += part.failures
            sum.totalMilliseconds += part.totalMilliseconds
            sum.totalTokens += part.totalTokens
            sum.exactHits += part.exactHits
            sum.semanticHits += part.semanticHits
            sum.savedMilliseconds += part.savedMilliseconds
            sum.feedback += part.feedback
            sum.feedbackSum += part.feedbackSum
            sum.recentFailures += part.recentFailures * Double(part.calls)
        }
        sum.recentFailures = sum.calls > 0 ? sum.recentFailures / Double(sum.calls) : 0
        let timed = parts.filter { $0.recentMilliseconds != nil && $0.answers > 0 }
        let weight = timed.reduce(0) { $0 + Double($1.answers) }
        sum.recentMilliseconds = weight > 0 ? timed.reduce(0) { $0 + ($1.recentMilliseconds ?? 0) * Double($1.answers) } / weight : nil
        return sum
    }
}

/// What somebody thinks of an answer.
package struct ModelFeedback: Sendable, Hashable {
    package static let maxReasonBytes = 2_000
    package static let maxPromptBytes = 2_000

    package let id: JobID
    package let model: String
    package let kind: String
    package let category: String
    /// -1 (terrible) to 1 (excellent).
    package let score: Double
    package var reason: String?
    package var prompt: String?
    package var jobID: JobID?
    /// The API key; empty where none was needed.
    package var givenBy = ""

    package init(model: String, kind: String, category: String, score: Double) {
        id = JobID()
        self.model = ModelName.plain(model)
        self.kind = kind
        self.category = category
        self.score = min(max(score, -1), 1)
    }
}
