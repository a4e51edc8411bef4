import Testing

@testable import JobRunner

@Suite struct CadenceTests {
    private let start = ContinuousClock.now
    private var cadence: Cadence { Cadence(from: start) }

    /// What ran a little late, or took a moment, runs at the next multiple all the same: nothing adds up.
    @Test(arguments: [0, 1, 300, 749]) func theNextTimeIsAMultipleOfTheInterval(late: Int) {
        let pause = cadence.pause(before: .seconds(1), at: start + .seconds(7) + .milliseconds(late))
        #expect(abs(pause / .milliseconds(1) - Double(1000 - late)) < 0.001)
    }

    @Test(arguments: [751, 900, 999]) func whatTookLongRestsForMoreThanAMoment(late: Int) {
        let pause = cadence.pause(before: .seconds(1), at: start + .seconds(7) + .milliseconds(late))
        #expect(abs(pause / .milliseconds(1) - Double(2000 - late)) < 0.001)
    }

    @Test func longIntervalsFallTogetherWithShortOnes() {
        let now = start + .milliseconds(123_456)
        for (interval, shorter) in [(Duration.milliseconds(500), 500.0), (.seconds(1), 500), (.seconds(5), 1000)] {
            let end = start.duration(to: now + cadence.pause(before: interval, at: now))
            let number = end / .milliseconds(shorter)
            #expect(abs(number - number.rounded()) < 0.001)
        }
    }
}
