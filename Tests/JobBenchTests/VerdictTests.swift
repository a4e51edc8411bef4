import Testing

@testable import JobBench

/// The part of a bench that must be able to say no.
@Suite struct VerdictTests {
    private func evidence(_ change: (inout Evidence) -> Void = { _ in }) -> Evidence {
        var evidence = Evidence(runs: [1, 1, 1], completed: 3, entriesLeft: 0, pending: 0, live: 0, rows: 3)
        change(&evidence)
        return evidence
    }

    @Test func everyJobOnceIsGood() {
        #expect(Verdict(evidence()).isGood)
    }

    @Test func aLostJobIsAFault() {
        #expect(Verdict(evidence { $0.runs[1] = 0 }).faults == ["1 of 3 jobs never ran"])
    }

    @Test func aRepeatedJobIsAFaultThoughTheSumIsRight() {
        let faults = Verdict(evidence { $0.runs = [2, 1, 0] }).faults
        #expect(faults == ["1 of 3 jobs never ran", "1 of 3 jobs ran more than once"])
    }

    @Test func whatIsLeftInTheStoresIsAFault() {
        #expect(!Verdict(evidence { $0.completed = 2 }).isGood)
        #expect(!Verdict(evidence { $0.entriesLeft = 1 }).isGood)
        #expect(!Verdict(evidence { $0.pending = 1 }).isGood)
        #expect(!Verdict(evidence { $0.live = 1 }).isGood)
        #expect(!Verdict(evidence { $0.rows = 2 }).isGood)
    }

    @Test func aFaultyRunStandsForItsScenarioWhateverItsRank() {
        let runs = [10.0, 20, 30].map { rate in
            var figures = Figures(.drain)
            figures.jobsPerSecond = rate
            if rate == 30 { figures.faults = ["1 of 3 jobs never ran"] }
            return figures
        }
        #expect(Bench.choose(runs)?.jobsPerSecond == 30)
        #expect(Bench.choose(Array(runs.prefix(2)))?.jobsPerSecond == 10)
        #expect(Bench.choose([runs[1], runs[0], runs[1]])?.jobsPerSecond == 20)
    }
}
