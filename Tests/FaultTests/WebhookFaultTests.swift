import JobModel
import PostgresWire
import Synchronization
import TestServers
import Testing

/// Ends are told while those who tell and those who are told die: each end of each accepted job arrives at least once at each receiver that asked
/// for it, under one id, and nothing arrives that is not signed with the receiver's own secret.
@Suite(.serialized, .timeLimit(.minutes(5))) struct WebhookFaultTests {
    private static let jobs = 20
    private static let hanging = """
        SELECT count(*) AS n FROM jobs j JOIN job_attempts a ON a.job_id = j.id
        WHERE j.kind = 'webhook' AND a.outcome IS NULL AND a.started_at < now() - interval '500 ms'
        """

    private static func number(_ query: String, _ fleet: Fleet) async throws -> Int64 {
        try await fleet.database.query(query).first?.int("n") ?? 0
    }

    @Test func everyEndIsToldWhoeverDies() async throws {
        var random = SeededRandom(seed: Trial.seed())
        let desk = ReceiversDesk(seed: random.next())
        let server = try await StubHTTPServer { desk.answer($0) }
        let ways = try await (TCPProxy(port: server.port), TCPProxy(port: server.port))
        let fleet = try await Fleet.start(apis: 1, workers: 2, lease: .milliseconds(1500), more: ["FAULT_WEBHOOKS": "1"])
        let outcome = await Result {
            let door = Door(fleet.apis, book: Book())
            try await subscribe(desk, door, "all", ["url": .string("http://127.0.0.1:\(ways.0.port)/all")], at: "/webhooks")
            try await subscribe(desk, door, "own", [:], at: "/webhooks/jobs/secret")
            var made: [(id: String, tellsOwn: Bool)] = []
            // Twice, because a third death of one sender makes it a dead letter, as it should.
            for way in [ways.0, ways.1] {
                // It hangs, and then is away: somebody is telling it when the workers die.
                way.set(.swallowing)
                made += try await submit(door, own: "http://127.0.0.1:\(ways.1.port)/own")
                try await eventually(within: .seconds(30)) { try await Self.number(Self.hanging, fleet) > 0 }
                fleet.killWorkers()
                way.goAway()
                try await ContinuousClock().sleep(for: .milliseconds(Int.random(in: 300...1_200, using: &random)))
                way.set(.passing)
            }
            try await check(made, desk, fleet)
            try await fleet.waitForSuspectsToLeave()
        }
        let orphans = await fleet.close()
        await ways.0.stop()
        await ways.1.stop()
        await server.stop()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(fleet.log.last(orphans.count))")
        if case .failure = outcome { Trial.tell("webhooks: the processes' last words: \(fleet.log.last(20))") }
        try outcome.get()
    }

    private func subscribe(_ desk: ReceiversDesk, _ door: Door, _ name: String, _ body: JSONValue, at path: String) async throws {
        let answer = try await door.insist("POST", path, body).body
        desk.trust(name, try #require(answer["secret"]?.string.flatMap(WebhookSecret.init)))
    }

    /// Every second one names a receiver of its own.
    private func submit(_ door: Door, own url: String) async throws -> [(id: String, tellsOwn: Bool)] {
        var made: [(id: String, tellsOwn: Bool)] = []
        for number in 0..<Self.jobs {
            var body: [String: JSONValue] = ["kind": number % 5 == 0 ? "failing" : "effect", "input": ["ms": 5]]
            if number % 2 == 0 { body["webhook"] = ["url": .string(url)] }
            let answer = try await door.insist("POST", "/jobs", .object(body), key: "told-\(JobID())")
            made.append((try #require(answer.body["job_id"]?.string), number % 2 == 0))
        }
        return made
    }

    private func check(_ made: [(id: String, tellsOwn: Bool)], _ desk: ReceiversDesk, _ fleet: Fleet) async throws {
        let open = "SELECT count(*) AS n FROM webhook_deliveries WHERE delivered_at IS NULL"
        let live = "SELECT count(*) AS n FROM jobs WHERE status NOT IN ('completed', 'failed', 'cancelled')"
        try await eventually(within: .seconds(60)) {
            try await Self.number(live, fleet) + Self.number(open, fleet) == 0
        }
        for job in made {
            let state =
                try await fleet.database.query("SELECT status FROM jobs WHERE id = $1", [.text(job.id)]).first?.string("status") ?? ""
            for name in job.tellsOwn ? ["all", "own"] : ["all"] {
                let told = desk.told(name, of: job.id)
                #expect(Set(told.map(\.event)) == ["job.\(state)"], "job \(job.id) at \(name): \(told)")
                #expect(Set(told.map(\.delivery)).count == 1, "one end, one id")
            }
            if !job.tellsOwn { #expect(desk.told("own", of: job.id).isEmpty) }
        }
        #expect(desk.wrongs == [])
        let crashed = try await Self.number("SELECT count(*) AS n FROM job_attempts WHERE outcome = 'crashed'", fleet)
        Trial.tell(
            "webhooks: \(made.count) ends, \(desk.count) deliveries taken, \(desk.refused) refused or lost, \(crashed) attempts died")
        #expect(desk.refused > 0 && crashed > 0, "nothing broke")
    }
}

/// Receivers that check what they get before they take it, and that fail, hang up or lose their answer now and then.
private final class ReceiversDesk: Sendable {
    struct Told: Sendable {
        let delivery: String
        let event: String
    }

    private struct State {
        var secrets: [String: WebhookSecret] = [:]
        var told: [String: [Told]] = [:]
        var wrongs: [String] = []
        var count = 0
        var refused = 0
        var random: SeededRandom
    }

    private let state: Mutex<State>

    init(seed: UInt64) { state = Mutex(State(random: SeededRandom(seed: seed))) }

    var count: Int { state.withLock { $0.count } }
    var refused: Int { state.withLock { $0.refused } }
    var wrongs: [String] { state.withLock { $0.wrongs } }

    func trust(_ name: String, _ secret: WebhookSecret) { state.withLock { $0.secrets[name] = secret } }
    func told(_ name: String, of job: String) -> [Told] { state.withLock { $0.told["\(name) \(job)"] ?? [] } }

    func answer(_ call: StubRequest) -> StubResponse {
        let name = String(call.path.dropFirst())
        return state.withLock { state in
            let body = try? JSONReader.read(call.body)
            guard let id = call.header("webhook-id"), let seconds = call.header("webhook-timestamp").flatMap({ Int64($0) }),
                let event = body?["type"]?.string, let job = body?["data"]?["job_id"]?.string, let secret = state.secrets[name],
                call.header("webhook-signature") == secret.signature(id: id, seconds: seconds, body: call.body),
                abs(Timestamp.now.milliseconds / 1000 - seconds) < 60
            else {
                state.wrongs.append("\(call.path) \(call.headers)")
                return .answer(401)
            }
            switch Int.random(in: 0..<10, using: &state.random) {
            case 0:
                state.refused += 1
                return .answer(503)
            case 1:
                state.refused += 1
                return .drop
            default: break
            }
            state.count += 1
            state.told["\(name) \(job)", default: []].append(Told(delivery: id, event: event))
            // Taken, and the sender does not hear of it: it comes again.
            return Int.random(in: 0..<20, using: &state.random) == 0 ? .drop : .answer(204)
        }
    }
}
