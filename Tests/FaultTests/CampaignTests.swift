import TestServers
import Testing

/// Random faults one after the other, sometimes two at once, under a steady load; then calm, and the whole check.
/// `TIDEWHEEL_FAULT_MINUTES=30` makes it long, `TIDEWHEEL_FAULT_SEED` repeats an order of faults.
@Suite(.serialized, .timeLimit(.minutes(600))) struct CampaignTests {
    @Test func nothingIsLostWhateverBreaks() async throws {
        let seed = Trial.seed()
        Trial.tell("the campaign has seed \(seed)")
        let fleet = try await Fleet.start(apis: 2, workers: 3, lease: .seconds(2))
        let report = await Result { try await campaign(seed, fleet) }
        let orphans = await fleet.close()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(orphans)")
        _ = try report.get()
    }

    private func campaign(_ seed: UInt64, _ fleet: Fleet) async throws {
        var random = SeededRandom(seed: seed)
        let load = Load(fleet, name: "campaign-\(seed)")
        let sampler = Sampler(fleet, load)
        load.start(pause: Trial.isLong ? 50...200 : 10...60, random: &random) { random in
            random.isTrue(percent: Trial.isLong ? 1 : 0) ? Order.order("crash", &random) : Order.mixed(&random)
        }
        load.startEveryClient(random: &random)
        sampler.start()
        let faults = await Result { try await storm(fleet, load.book, &random) }
        try await load.stop()
        // A job that kills its process needs four deaths, each noticed after a lease.
        let limit = fleet.lease * (Trial.isLong ? 30 : 1) + .seconds(15)
        let report = try await Checker(fleet: fleet, load: load, redisForgot: true, eventSamples: 200).check(calmWithin: limit)
        await sampler.stop()
        Trial.tell("seed \(seed). \((try? faults.get()) ?? 0) faults. \(report); \(sampler.comparisons) comparisons of what had ended")
        Trial.judge(report, seed: seed, fleet)
        _ = try faults.get()
        #expect(sampler.comparisons > 0)
    }

    /// Those that leave a schedule's runs out would hide others that do.
    private let faults = Fault.all.filter { !$0.missesRuns }

    /// Returns how many faults there were.
    private func storm(_ fleet: Fleet, _ book: Book, _ random: inout SeededRandom) async throws -> Int {
        let end = ContinuousClock.now + .seconds((Trial.minutes ?? 0.3) * 60)
        var count = 0
        while ContinuousClock.now < end {
            let first = try Trial.chosen(faults).pick(&random)
            let second = faults.filter { $0.target != first.target && !$0.isAlone }.randomElement(using: &random)
            let isDouble = random.isTrue(percent: 30) && !first.isAlone
            var own = random.branch()
            let others = random.branch()
            Trial.tell("fault \(count + 1): \(first.name)\(isDouble ? ", and \(second?.name ?? "nothing")" : "")")
            async let other = isDouble ? inflict(second, fleet, book, others) : "nothing"
            let saw = isDouble ? try await inflict(first, fleet, book, own) : try await first.strike(fleet, book, &own)
            let beside = try await other
            Trial.tell("fault \(count + 1): \(saw)\(isDouble ? "; beside it \(beside)" : "")")
            count += isDouble ? 2 : 1
            try await Fault.last(milliseconds: 0...1500, &random)
        }
        return count
    }

    /// Beside another one: what it needs may be missing.
    private func inflict(_ fault: Fault?, _ fleet: Fleet, _ book: Book, _ branch: SeededRandom) async throws -> String {
        var random = branch
        do {
            return try await fault?.strike(fleet, book, &random) ?? "nothing"
        } catch let nothing as Fault.HitNothing {
            return "nothing was hit: \(nothing.what)"
        }
    }
}
