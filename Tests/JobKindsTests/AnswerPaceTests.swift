import JobModel
import Testing

@testable import JobKinds

@Suite struct AnswerPaceTests {
    @Test func theBeginningsAreToldAndThenOnceASecond() {
        let begin = ContinuousClock.now
        var pace = AnswerPace(limit: 10)
        var told: [String] = []
        func hear(_ piece: ModelPiece, after milliseconds: Int) {
            if let (percent, step) = pace.heard(piece, at: begin + .milliseconds(milliseconds)) { told.append("\(step) \(percent)") }
        }
        hear(.thinking("a"), after: 0)
        hear(.thinking("b"), after: 500)
        hear(.text("c"), after: 600)
        hear(.text("d"), after: 1_500)
        hear(.text("e"), after: 1_600)
        for _ in 0..<20 { hear(.text("f"), after: 1_700) }
        hear(.text("g"), after: 2_700)
        #expect(told == ["think 27.5", "answer 42.5", "answer 57.5", "answer 95.0"])
    }

    @Test func withoutALimitItNeverArrives() {
        var pace = AnswerPace(limit: nil)
        var last = 0.0
        for second in 0..<100 {
            for _ in 0..<100 {
                if let told = pace.heard(.text("x"), at: ContinuousClock.now + .seconds(second * 10)) {
                    #expect(told.percent >= last && told.percent <= 95)
                    last = told.percent
                }
            }
        }
        #expect(last > 90)
    }
}
