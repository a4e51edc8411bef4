import TestServers
import Testing

/// One way to break an installation. It breaks, mends, and says what it did; it throws when nothing was there to be broken.
struct Fault: Sendable, CustomTestStringConvertible {
    /// Two faults are inflicted at once only when they differ in this.
    enum Target: Sendable, CaseIterable { case workers, apis, redis, postgres }

    let name: String
    let target: Target
    /// Redis loses accepted state: jobs that only it knew may be gone.
    var redisForgets = false
    /// At least so many attempts must be found crashed afterwards, or the fault hit nothing.
    var leastCrashes = 0
    /// A refusal that clients must have met.
    var refusal: String?
    /// It lasts longer than a fire time may be late: a schedule makes one job for all that it missed.
    var missesRuns = false
    /// It measures what another fault at the same time would change.
    var isAlone = false
    let inflict: @Sendable (Fleet, inout SeededRandom) async throws -> String

    var testDescription: String { name }

    /// In keys and file names.
    var word: String { String(name.map { $0.isLetter || $0.isNumber ? $0 : "-" }) }

    struct HitNothing: Error { let what: String }
    struct Wrong: Error { let what: String }

    static let all = ofProcesses + ofRedis + ofPostgres + ofNetwork

    /// Breaks and mends. What it makes Redis forget is in the book: until everything is known again, limits cannot be kept. So is how long a
    /// command may be on its way: what the leader decided before a pause may arrive after it.
    func strike(_ fleet: Fleet, _ book: Book, _ random: inout SeededRandom) async throws -> String {
        let begin = Effect.now()
        if missesRuns { book.noteMissedRuns() }
        let saw = await Result { try await inflict(fleet, &random) }
        if target == .redis || name.contains("Redis") { book.note(outage: begin...(Effect.now() + 2_500)) }
        if redisForgets { book.note(loss: begin...(Effect.now() + Int(fleet.lease / .milliseconds(1)) * 2 + 2000)) }
        return try saw.get()
    }

    /// How long a fault lasts is part of the fault, not a wait for something to happen.
    static func last(_ duration: Duration) async throws { try await Task.sleep(for: duration) }

    static func last(milliseconds range: ClosedRange<Int>, _ random: inout SeededRandom) async throws {
        try await last(.milliseconds(Int.random(in: range, using: &random)))
    }
}

extension Array {
    /// Of a list that is never empty.
    func pick(_ random: inout SeededRandom) throws -> Element {
        guard let element = randomElement(using: &random) else { throw Fault.HitNothing(what: "an empty list") }
        return element
    }
}
