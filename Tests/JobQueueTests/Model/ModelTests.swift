import Foundation
import Testing

/// Random sequences of transitions, losses and repeated calls on a real Redis, against the model. TIDEWHEEL_MODEL_SEED runs one sequence
/// again; TIDEWHEEL_MODEL_SEQUENCES says how many are tried instead of a few.
@Suite(.timeLimit(.minutes(10))) struct ModelTests {
    private static func number(_ name: String) -> UInt64? {
        ProcessInfo.processInfo.environment[name].flatMap { UInt64($0) }
    }

    @Test func everySequenceKeepsThePromises() async throws {
        let server = try await ModelServer.start()
        let seed = ModelTests.number("TIDEWHEEL_MODEL_SEED")
        let first = seed ?? UInt64.random(in: 0..<1_000_000_000)
        let count = seed == nil ? ModelTests.number("TIDEWHEEL_MODEL_SEQUENCES") ?? 10 : 1
        for seed in first..<(first + count) {
            var generator = ModelGenerator(seed: seed)
            let operations = generator.sequence(length: 50)
            guard let failure = try await server.failure(of: operations) else { continue }
            let shortest = try await server.shrunk(failure)
            Issue.record("TIDEWHEEL_MODEL_SEED=\(seed), shortest sequence:\n\(shortest)")
            break
        }
        await server.stop()
    }
}
