/// Which model answers where the submission says `auto`: a rule that can be told in one sentence, and is told in every answer.
/// Each model gets a score: three fifths of it what is thought of its answers, a quarter whether it answers at all, the rest how fast it is beside the
/// others. A model of which little is known stands in the middle, with a little more the less it was asked beside the others, so that it is tried.
internal import Glibc

package struct ModelCandidate: Sendable, Hashable {
    package let model: String
    package let score: Double
    /// Each 0 to 1.
    package let quality: Double
    package let reliability: Double
    package let speed: Double
    /// For being little known; at most `ModelRouting.mostCuriosity`.
    package let curiosity: Double
    package let calls: Int64
    package let feedback: Int64
}

package struct ModelRouting: Sendable, Hashable {
    static let weights = (quality: 0.6, reliability: 0.25, speed: 0.15)
    package static let mostCuriosity = 0.15
    /// As many good and bad scores, or calls, as everybody is thought to have had before the first.
    private static let prior = 3.0
    /// What is known of a category counts alone from so many calls and scores on; before, all of the kind counts.
    private static let enough: Int64 = 3

    /// Best first; never empty.
    package let candidates: [ModelCandidate]
    package let category: String

    package var chosen: ModelCandidate { candidates[0] }

    /// Nil without models. The same knowledge gives the same choice.
    package init?(among models: [String], known: [ModelPerformance], kind: String, category: String) {
        guard !models.isEmpty else { return nil }
        let records = models.map { model -> ModelPerformance in
            let own = known.filter { $0.place.model == model && $0.place.kind == kind }
            let fitting = own.first { $0.place.category == category }
            if let fitting, fitting.calls + fitting.feedback >= Self.enough { return fitting }
            return .sum(own, ModelPlace(model: model, kind: kind, category: category))
        }
        let fastest = records.compactMap(\.recentMilliseconds).min()
        let all = records.reduce(0) { $0 + $1.calls }
        self.category = category
        candidates = records.map { Self.candidate($0, fastest: fastest, all: all) }
            .sorted { ($1.score, $0.model) < ($0.score, $1.model) }
    }

    private static func candidate(_ record: ModelPerformance, fastest: Double?, all: Int64) -> ModelCandidate {
        let quality = (record.feedbackSum / (Double(record.feedback) + prior) + 1) / 2
        let reliability = 1 - record.recentFailures * Double(record.calls) / (Double(record.calls) + prior)
        let speed = record.recentMilliseconds.map { ((fastest ?? $0) + 1) / ($0 + 1) } ?? 0.5
        let curiosity = min(mostCuriosity, 0.05 * (log(1 + Double(all)) / (1 + Double(record.calls))).squareRoot())
        let score = weights.quality * quality + weights.reliability * reliability + weights.speed * speed + curiosity
        return ModelCandidate(
            model: record.place.model, score: score, quality: quality, reliability: reliability, speed: speed, curiosity: curiosity,
            calls: record.calls, feedback: record.feedback)
    }

    /// One sentence for people.
    package var why: String {
        let best = chosen
        guard candidates.count > 1 else { return "\(best.model) is the only model that can do this" }
        if best.calls == 0, best.feedback == 0 {
            return "\(best.model) has not been asked yet; it is tried beside \(candidates.count - 1) others"
        }
        let next = candidates[1]
        let gains = [
            ("what is thought of its answers", Self.weights.quality * (best.quality - next.quality)),
            ("how reliably it answers", Self.weights.reliability * (best.reliability - next.reliability)),
            ("its speed", Self.weights.speed * (best.speed - next.speed)),
            ("being tried less than others", best.curiosity - next.curiosity),
        ]
        let reason = gains.max { $0.1 < $1.1 }.flatMap { $0.1 > 0 ? ", ahead of \(next.model) mainly by \($0.0)" : nil } ?? ""
        return "\(best.model) has the best score of \(candidates.count) models for \(category) tasks\(reason)"
    }

    /// As answers show it: the best ten.
    package var document: JSONValue {
        [
            "chosen": .string(chosen.model), "why": .string(why), "task_category": .string(category),
            "candidates": .array(candidates.prefix(10).map(\.document)),
        ]
    }
}

extension ModelCandidate {
    package var document: JSONValue {
        let rounded = { (value: Double) in JSONValue.number((value * 1000).rounded() / 1000) }
        return [
            "model": .string(model), "score": rounded(score), "quality": rounded(quality), "reliability": rounded(reliability),
            "speed": rounded(speed), "curiosity": rounded(curiosity), "calls": .integer(calls), "feedback": .integer(feedback),
        ]
    }
}
