import FoundationEssentials
import JobModel
import PostgresWire
import Synchronization
import TestServers
import Testing

/// A job of 20 slides whose workers are killed with -9 at every point where something outside depends on it: it ends complete, with one deck.
/// The kind is the real one; Presenton is a stand-in that counts what it is asked for.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PresentationFaultTests {
    @Test func oneDeckWheneverTheWorkersDie() async throws {
        let gate = Gate()
        let standIn = StandInPresenton { await gate.pass($0) }
        try await with(standIn) { (fleet, door, directory) async throws in
            let moments: [StandInPresenton.Moment] = [.listed, .asked, .looked(1), .looked(3), .looked(5), .fetched]
            for (number, moment) in moments.enumerated() {
                let (reached, open) = gate.stop(at: moment)
                let id = try await submit(door, "\(moment)")
                for await _ in reached { break }
                fleet.killWorkers()
                open()
                #expect(try await complete(id, door, fleet, directory, "\(moment)") > 1, "nobody was killed at work")
                #expect(standIn.decks == number + 1, "killed at \(moment)")
            }
        }
    }

    /// Frozen between the row, which is on the disk, and the question, which is not sent: when it goes on another one has asked.
    @Test func oneDeckWhenTheAskerIsFrozenBeforeItAsks() async throws {
        let gate = Gate()
        let standIn = StandInPresenton { await gate.pass($0) }
        try await with(standIn) { (fleet, door, directory) async throws in
            let (reached, open) = gate.stop(at: .listed)
            let id = try await submit(door, "frozen")
            for await _ in reached { break }
            func number(_ query: String) async throws -> Int64? { try await fleet.database.query(query, [.text(id)]).first?.int("n") }
            let name = try await fleet.database.query("SELECT worker FROM job_attempts WHERE job_id = $1", [.text(id)]).first?.string(
                "worker")
            let asker = try #require(fleet.workers.first { name?.contains("-\($0.processID ?? 0)-") == true }, "\(name ?? "")")
            // It writes its row, and hears half a second later that it has.
            asker.postgresLink.set(.delaying(milliseconds: 500))
            open()
            try await eventually(within: .seconds(10)) {
                try await number("SELECT count(*) AS n FROM presenton_tasks WHERE job_id = $1") == 1
            }
            asker.freeze()
            try await eventually(within: .seconds(60)) { standIn.decks == 1 }
            asker.thaw()
            asker.postgresLink.set(.passing)
            // It is told that it is lost, and works again under another name.
            try await eventually(within: .seconds(60)) {
                await door.send("GET", "/health/workers")?.body["workers"]?.array?.filter {
                    $0["status"] == "alive" && $0["name"]?.string?.contains("-\(asker.processID ?? 0)-") == true
                        && $0["name"]?.string != name
                }.isEmpty == false
            }
            #expect(try await complete(id, door, fleet, directory, "the asker was frozen") > 1)
            #expect(standIn.decks == 1)
        }
    }

    /// A build that goes on when its caller has gone: the deck is in its list, and nobody asks for another one.
    @Test func oneDeckWhenTheWorkersDieWhileTheyWaitForIt() async throws {
        let gate = Gate()
        var build = StandInPresenton.Build()
        (build.hasBackground, build.listsTasks) = (false, false)
        let standIn = StandInPresenton(build) { await gate.pass($0) }
        try await with(standIn) { (fleet, door, _) async throws in
            for number in 1...2 {
                let (reached, open) = gate.stop(at: .made)
                let id = try await submit(door, "waited for")
                for await _ in reached { break }
                fleet.killWorkers()
                open()
                var shown: JSONValue?
                try await eventually(within: .seconds(60)) {
                    shown = await door.send("GET", "/api/presentations/\(id)")?.body
                    return shown?["status"] == "complete" || shown?["status"] == "error"
                }
                #expect(shown?["status"] == "complete" && shown?["presenton_url"]?.string != nil, "\(fleet.log.last(10))")
                #expect(standIn.decks == number)
            }
            let decks = try await fleet.database.query("SELECT count(DISTINCT deck_id) AS n FROM presenton_tasks").first?.int("n")
            #expect(decks == 2, "two jobs of the same text have two decks")
        }
    }

    @Test func oneDeckWhenTheWorkersDieJustAfterTheAnswer() async throws {
        let gate = Gate()
        let standIn = StandInPresenton { await gate.pass($0) }
        try await with(standIn) { (fleet, door, directory) async throws in
            var struck = 0
            // From the answer to its name in SQL and to the step in both stores it takes some milliseconds.
            for (number, pause) in [0, 1, 2, 4, 8, 16].enumerated() {
                let (reached, open) = gate.stop(at: .asked)
                let id = try await submit(door, "after \(pause) ms")
                for await _ in reached { break }
                open()
                if pause > 0 { try await ContinuousClock().sleep(for: .milliseconds(pause)) }
                fleet.killWorkers()
                struck += try await complete(id, door, fleet, directory, "killed \(pause) ms after the answer") > 1 ? 1 : 0
                #expect(standIn.decks == number + 1, "killed \(pause) ms after the answer")
            }
            #expect(struck > 2, "nobody was killed at work")
        }
    }

    @Test func asManyDecksAsJobsWhenTheWorkersDieAgainAndAgain() async throws {
        var random = SeededRandom(seed: Trial.seed())
        let standIn = StandInPresenton()
        try await with(standIn) { (fleet, door, directory) async throws in
            var ids: [String] = []
            for number in 1...8 { ids.append(try await submit(door, "job \(number)")) }
            try await eventually(within: .seconds(30)) { !standIn.orders.isEmpty }
            // Once among the questions, once among the looks of suspects: a third death of one makes it a dead letter, as it should.
            for pause in [0...60, 2_000...4_000] {
                try await ContinuousClock().sleep(for: .milliseconds(Int.random(in: pause, using: &random)))
                fleet.killWorkers()
            }
            var struck = 0
            for id in ids { struck += try await complete(id, door, fleet, directory, "killed twice") > 1 ? 1 : 0 }
            #expect(struck > 2, "nobody was killed at work")
            #expect(standIn.decks == ids.count)
            let tasks = try await fleet.database.query("SELECT count(DISTINCT task_id) AS n FROM presenton_tasks").first?.int("n")
            #expect(tasks == Int64(ids.count))
        }
    }

    private func with(_ standIn: StandInPresenton, _ body: (Fleet, Door, String) async throws -> Void) async throws {
        let server = try await StubHTTPServer { await standIn.answer($0) }
        let directory = try TemporaryDirectory.make()
        let fleet = try await Fleet.start(
            apis: 1, workers: 2, lease: .milliseconds(1500), more: ["FAULT_PRESENTON_URL": server.url, "FAULT_DECKS": directory])
        let outcome = await Result {
            try await body(fleet, Door(fleet.apis, book: Book()), directory)
            try await fleet.waitForSuspectsToLeave()
        }
        let orphans = await fleet.close()
        await server.stop()
        #expect(orphans.isEmpty, "processes outlived their fleet: \(fleet.log.last(orphans.count))")
        try outcome.get()
    }

    private func submit(_ door: Door, _ topic: String) async throws -> String {
        let answer = try await door.insist("POST", "/api/presentations", ["topic": .string(topic), "n_slides": 20])
        return try #require(answer.body["job_id"]?.string)
    }

    /// Complete in SQL, over HTTP and on the disk.
    private func complete(_ id: String, _ door: Door, _ fleet: Fleet, _ directory: String, _ what: String) async throws -> Int {
        var shown: JSONValue?
        try await eventually(within: .seconds(60)) {
            shown = await door.send("GET", "/api/presentations/\(id)")?.body
            return shown?["status"] == "complete" || shown?["status"] == "error"
        }
        #expect(shown?["status"] == "complete", "\(what): \(shown?["error"]?.string ?? "") \(fleet.log.last(10))")
        #expect(shown?["presenton_url"]?.string?.hasPrefix("/presentation?id=") == true, "\(what)")
        #expect(FileManager.default.fileExists(atPath: "\(directory)/\(id).pptx"), "\(what)")
        let attempts = try await fleet.database.query("SELECT count(*) AS n FROM job_attempts WHERE job_id = $1", [.text(id)]).first?.int(
            "n")
        Trial.tell("\(what): complete after \(attempts ?? 0) attempts")
        return Int(attempts ?? 0)
    }
}

/// Stops the stand-in at one moment, once, until the test lets it go on.
private final class Gate: Sendable {
    private struct Stop {
        let moment: StandInPresenton.Moment
        let reached: AsyncStream<Void>.Continuation
        let opened: AsyncStream<Void>
    }

    private let next = Mutex<Stop?>(nil)

    func stop(at moment: StandInPresenton.Moment) -> (reached: AsyncStream<Void>, open: @Sendable () -> Void) {
        let (reached, reach) = AsyncStream<Void>.makeStream()
        let (opened, open) = AsyncStream<Void>.makeStream()
        next.withLock { $0 = Stop(moment: moment, reached: reach, opened: opened) }
        return (reached, { open.finish() })
    }

    func pass(_ moment: StandInPresenton.Moment) async {
        let stop = next.withLock { next -> Stop? in
            guard next?.moment == moment else { return nil }
            defer { next = nil }
            return next
        }
        guard let stop else { return }
        stop.reached.yield()
        for await _ in stop.opened {}
    }
}
