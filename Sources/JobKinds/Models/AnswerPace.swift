/// How far an answer is, as it is told to those who watch: when it begins, when thinking turns to speaking, and then once a second.
import Glibc
import JobModel

struct AnswerPace {
    /// Where nobody says how long an answer may be: after so many pieces two thirds of what is left count as done.
    private static let usual = 300.0
    private static let begin = 20.0
    private static let end = 95.0
    private static let pause = Duration.seconds(1)

    private let limit: Double?
    private var pieces = 0.0
    private var step = ""
    private var told = ContinuousClock.now

    /// `limit`: the most tokens there will be; a piece is about a token.
    init(limit: Int?) {
        self.limit = limit.map { Double(max(1, $0)) }
    }

    /// Percent and step where it is time to tell.
    mutating func heard(_ piece: ModelPiece, at now: ContinuousClock.Instant = .now) -> (percent: Double, step: String)? {
        pieces += 1
        let step = if case .thinking = piece { "think" } else { "answer" }
        guard step != self.step || told + Self.pause <= now else { return nil }
        self.step = step
        told = now
        let part = limit.map { min(1, pieces / $0) } ?? 1 - exp(-pieces / Self.usual)
        return (Self.begin + (Self.end - Self.begin) * part, step)
    }
}
