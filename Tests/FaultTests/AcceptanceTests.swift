import TestServers
import Testing

/// The promise in numbers: jobs of 20 to 200 ms over 4 workers, one of which is killed with -9 every two seconds.
/// 10,000 jobs in the long run, fewer in the short one.
@Suite(.serialized, .timeLimit(.minutes(20))) struct AcceptanceTests {
    private static let jobs = Trial.isLong ? 10_000 : 1_200
    /// Divides the number of jobs.
    private static let clients = 10

    @Test func noJobIsLostWhileWorkersAreKilledAllTheTime() async throws {
        let seed = Trial.seed()
        // The lease that an installation has when nobody sets another.
        let fleet = try await Fleet.start(apis: 1, workers: 4, slots: Trial.isLong ? 16 : 8, lease: .seconds(7))
        let report = await Result { try await run(seed, fleet) }
        let orphans = await fleet.close()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(orphans)")
        _ = try report.get()
    }

    private func run(_ seed: UInt64, _ fleet: Fleet) async throws {
        var random = SeededRandom(seed: seed)
        let load = Load(fleet, name: "acceptance-\(seed)")
        load.start(clients: Self.clients, limit: Self.jobs / Self.clients, pause: 0...1, random: &random) { Order.slow(&$0).kept }
        var kills: [Kill] = []
        while try await isBusy(load, fleet) {
            try await Fault.last(.seconds(2))
            kills.append(try await kill(kills.count, fleet))
        }
        try await load.finish()
        let report = try await Checker(fleet: fleet, load: load, eventSamples: 200).check(calmWithin: fleet.lease + .seconds(15))
        let waits = OrphanWaits(after: kills, fleet.effects)
        Trial.tell("seed \(seed). \(kills.count) workers killed; \(waits). \(report)")
        Trial.judge(report, seed: seed, fleet)
        #expect(kills.count >= 2 && !waits.all.isEmpty, "nobody was killed at work")
        // Ten seconds are the promise of a machine that has time: one that is asked for more is given longer.
        let limit = Int(10_000 * max(1, Trial.loadPerCore))
        #expect(waits.slowest <= limit, "an orphan was started again only after \(waits.slowest) ms, more than \(limit)")
        #expect(report.states["completed"] == Self.jobs)
    }

    /// Until nearly everything has ended: the last orphans are left in peace.
    private func isBusy(_ load: Load, _ fleet: Fleet) async throws -> Bool {
        if load.book.count < Self.jobs { return true }
        return try await Row.live(of: load.name, in: fleet.database) > 30
    }

    private func kill(_ number: Int, _ fleet: Fleet) async throws -> Kill {
        let worker = fleet.workers[number % fleet.workers.count]
        let kill = Kill(processID: worker.processID ?? 0, milliseconds: Effect.now())
        await worker.kill()
        try await worker.start()
        return kill
    }
}
