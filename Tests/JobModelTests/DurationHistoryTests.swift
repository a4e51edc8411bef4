import Testing

@testable import JobModel

@Suite struct DurationHistoryTests {
    private let even = DurationHistory(milliseconds: (1...1000).map { Int64($0) * 10 })

    @Test func everyDurationFallsIntoTheBucketThatHoldsIt() {
        for value: Int64 in [0, 1, 7, 8, 9, 15, 16, 17, 999, 1000, 86_400_000, (1 << 31) - 1, 1 << 31] {
            let bucket = DurationHistory.bucket(of: value)
            #expect(DurationHistory.lowest(bucket) <= value)
            #expect(DurationHistory.lowest(bucket + 1) > value)
        }
        for bucket in 0..<DurationHistory.buckets { #expect(DurationHistory.bucket(of: DurationHistory.lowest(bucket)) == bucket) }
        #expect(DurationHistory.bucket(of: .max) == DurationHistory.buckets - 1)
        #expect(DurationHistory.bucket(of: -5) == 0)
    }

    @Test(arguments: [(0.5, 5_000), (0.9, 9_000), (0.99, 9_900), (0.1, 1_000)])
    func quantilesAreRightToAnEighth(quantile: Double, expected: Double) throws {
        let found = Double(try #require(even.milliseconds(at: quantile)))
        #expect(abs(found - expected) <= expected / 8)
    }

    @Test func ofAllDurationsThatWereLongerTheMiddleOne() throws {
        let found = Double(try #require(even.milliseconds(at: 0.5, longerThan: 6_000)))
        #expect(abs(found - 8_000) <= 1_000)
        #expect(even.milliseconds(at: 0.5, longerThan: 20_000) == nil)
        #expect(DurationHistory().milliseconds(at: 0.5) == nil)
    }

    @Test func whatIsLeftComesFromHistoryFirstAndFromThePaceLater() {
        let history = DurationHistory(milliseconds: Array(repeating: 1_000, count: 20))
        let whole = history.remaining(elapsed: 0, percent: 0, standard: 60_000)
        #expect((900...1_150).contains(whole))
        #expect((400...650).contains(history.remaining(elapsed: 500, percent: 0, standard: 60_000)))
        // 10 % after 1 s: the pace says 9 s more, the history almost nothing.
        #expect((800...1_100).contains(history.remaining(elapsed: 1_000, percent: 10, standard: 60_000)))
        // 90 % after 9 s: one second more by the pace, which counts for nine tenths.
        #expect(history.remaining(elapsed: 9_000, percent: 90, standard: 60_000) == 900)
        #expect(history.remaining(elapsed: 9_000, percent: 100, standard: 60_000) == 0)
    }

    @Test func withoutAHistoryTheKindsOwnEstimateHolds() {
        let few = DurationHistory(milliseconds: [1, 1, 1, 1])
        #expect(few.remaining(elapsed: 10_000, percent: 0, standard: 60_000) == 50_000)
        #expect(few.remaining(elapsed: 90_000, percent: 0, standard: 60_000) == 0)
    }

    @Test func nothingSenselessMakesItNegativeOrTrap() {
        for percent in [-5, 0, 0.000_001, 50, 200, .infinity, .nan] as [Double] {
            for elapsed in [.min, -1, 0, 1, .max] as [Int64] {
                #expect(even.remaining(elapsed: elapsed, percent: percent, standard: 0) >= 0)
            }
        }
    }

    @Test func countsGoOutAndInWithoutLoss() {
        #expect(DurationHistory(counts: even.filled) == even)
        #expect(DurationHistory(counts: [(-1, 5), (100_000, 5), (3, -7), (3, 2)]).total == 2)
        var sum = even
        sum.add(even)
        #expect(sum.total == 2_000)
    }
}
