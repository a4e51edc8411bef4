import TestServers
import Testing

/// Each fault alone, in the middle of a steady load: what it breaks must be whole again afterwards, and it says what it saw.
enum Scenario {
    static func run(_ fault: Fault, on shared: SharedFleet) async throws {
        let seed = Trial.seed()
        try await shared.use { fleet in
            var random = SeededRandom(seed: seed)
            let load = Load(fleet, name: "\(fault.word)-\(seed)")
            let sampler = Sampler(fleet, load)
            load.start(random: &random) { Order.mixed(&$0) }
            load.startEveryClient(random: &random)
            sampler.start()
            let saw = await Result {
                try await load.waitForAccepted(15)
                let saw = try await fault.strike(fleet, load.book, &random)
                try await load.waitForAccepted(15)
                return saw
            }
            try await load.stop()
            let report = try await Checker(fleet: fleet, load: load, redisForgot: fault.redisForgets, eventSamples: 25)
                .check(calmWithin: fleet.lease + .seconds(15))
            await sampler.stop()
            Trial.tell("seed \(seed). \((try? saw.get()) ?? "failed"). \(report); \(sampler.comparisons) comparisons of what had ended")
            Trial.judge(report, seed: seed, fleet)
            _ = try saw.get()
            #expect(report.crashed >= fault.leastCrashes, "the fault hit no job: \(report)")
            if let refusal = fault.refusal { #expect(report.refusals[refusal] != nil, "no client met '\(refusal)': \(report)") }
            #expect(sampler.comparisons > 0)
            return report
        }
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct ProcessScenarioTests {
    private static let faults = Trial.chosen(Fault.ofProcesses)
    private static let fleet = SharedFleet(users: faults.count)

    @Test(arguments: faults) func everyAcceptedJobEndsOnce(after fault: Fault) async throws {
        try await Scenario.run(fault, on: Self.fleet)
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct RedisScenarioTests {
    private static let faults = Trial.chosen(Fault.ofRedis)
    private static let fleet = SharedFleet(users: faults.count)

    @Test(arguments: faults) func everyAcceptedJobEndsOnce(after fault: Fault) async throws {
        try await Scenario.run(fault, on: Self.fleet)
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct PostgresScenarioTests {
    private static let faults = Trial.chosen(Fault.ofPostgres)
    private static let fleet = SharedFleet(users: faults.count)

    @Test(arguments: faults) func everyAcceptedJobEndsOnce(after fault: Fault) async throws {
        try await Scenario.run(fault, on: Self.fleet)
    }
}

@Suite(.serialized, .timeLimit(.minutes(5))) struct NetworkScenarioTests {
    private static let faults = Trial.chosen(Fault.ofNetwork)
    private static let fleet = SharedFleet(users: faults.count)

    @Test(arguments: faults) func everyAcceptedJobEndsOnce(after fault: Fault) async throws {
        try await Scenario.run(fault, on: Self.fleet)
    }
}
