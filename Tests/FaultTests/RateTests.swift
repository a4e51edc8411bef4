import TestServers
import Testing

/// A rate holds for the whole fleet, also while workers die with jobs in their hands: an attempt that a death wasted has used its start.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RateTests {
    @Test func noMoreJobsStartThanTheRateAllowsWhileWorkersAreKilled() async throws {
        let seed = Trial.seed()
        let fleet = try await Fleet.start(apis: 1, workers: 3, lease: .milliseconds(1500))
        let report = await Result { try await run(seed, fleet) }
        let orphans = await fleet.close()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(orphans)")
        _ = try report.get()
    }

    private func run(_ seed: UInt64, _ fleet: Fleet) async throws {
        var random = SeededRandom(seed: seed)
        let load = Load(fleet, name: "rate-\(seed)")
        load.start(clients: 6, limit: 10, pause: 0...1, random: &random) { Order.order("rated", &$0).kept }
        try await load.finish()
        for _ in 0..<3 {
            let worker = try fleet.workers.pick(&random)
            await worker.kill()
            try await Fault.last(milliseconds: 300...700, &random)
            try await worker.start()
        }
        let report = try await Checker(fleet: fleet, load: load, eventSamples: 10).check(calmWithin: fleet.lease + .seconds(15))
        let starts = fleet.effects.filter { $0.phase == "start" && load.book.accepted[$0.job] != nil }.map(\.milliseconds).sorted()
        Trial.tell("seed \(seed). \(starts.count) starts in \((starts.last ?? 0) - (starts.first ?? 0)) ms. \(report)")
        Trial.judge(report, seed: seed, fleet)
        #expect(starts.count >= 60)
        for (first, begin) in starts.enumerated() {
            // A start is noted a moment after it was allowed.
            let within = { (last: Int) in Limits.rate.burst + Limits.rate.count * (starts[last] - begin + 700) / 1000 }
            let excess = starts.indices.dropFirst(first).first { $0 - first + 1 > within($0) }
            if let excess {
                Issue.record("\(excess - first + 1) jobs started within \(starts[excess] - begin) ms")
                return
            }
        }
    }
}
