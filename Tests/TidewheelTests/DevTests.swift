import FoundationEssentials
import Glibc
import JobModel
import PrivateServers
import Synchronization
import TestServers
import Testing

/// The whole system as a user meets it, on real processes. One after the other: each is a Redis, a PostgreSQL, an API and workers.
@Suite(.serialized, .timeLimit(.minutes(3)))
struct DevTests {
    @Test func aCrawlCanBeFollowedToItsEndAndIsFoundInSQL() async throws {
        let site = try await StubHTTPServer { request in
            switch request.path {
            case "/": .html("<title>Home</title><p>Welcome to the harbour.</p><a href='/tides'>tides</a><a href='/gone'>gone</a>")
            case "/tides": .html("<title>Tides</title><p>High water comes twice a day.</p><a href='/'>home</a>")
            default: .text("nothing here", status: 404)
            }
        }
        let dev = try await RunningDev(["--allow", "127.0.0.1:\(site.port)"])
        let accepted = try await dev.post(
            "/ingest-async", ["source_type": "web_crawl", "source_uri": .string(site.url + "/"), "metadata": [:]])
        let id = try #require(accepted["job_id"]?.string)
        let events = try await dev.events("/jobs/\(id)/events")
        #expect(events.first?.name == "queued")
        #expect(events.contains { $0.name == "progress" })
        let last = try #require(events.last)
        #expect(last.name == "completed")
        #expect(last.data["result"]?["pages_crawled"]?.integer == 2)
        #expect(try await dev.get("/jobs/\(id)")["status"]?.string == "completed")
        #expect(try await dev.rows("SELECT status, attempt FROM jobs WHERE id = '\(id)'") == ["completed|1"])
        #expect(try await dev.rows("SELECT title FROM documents ORDER BY title") == ["Home", "Tides"])
        #expect(await dev.process.stop(grace: .seconds(30)) == .exited(0))
        await site.stop()
    }

    @Test func interruptLeavesNothingBehindAndTheNextStartFindsTheData() async throws {
        let dev = try await RunningDev()
        #expect(dev.family().count >= 5)
        #expect(await dev.process.stop(grace: .seconds(30)) == .exited(0))
        try await eventually { dev.family().isEmpty }
        let again = try await RunningDev(in: dev.directory)
        #expect(try await again.rows("SELECT count(*) FROM schema_migrations") != ["0"])
        await again.process.stop(grace: .seconds(30))
    }

    @Test func killingDevLeavesNoOrphan() async throws {
        let dev = try await RunningDev()
        #expect(dev.family().count >= 5)
        dev.process.signal(SIGKILL)
        try await eventually(within: .seconds(20)) { dev.family().isEmpty }
    }

    @Test func aKilledWorkerIsStartedAgain() async throws {
        let dev = try await RunningDev()
        let before = try #require(await dev.worker())
        kill(Int32(before), SIGKILL)
        try await eventually(within: .seconds(20)) { await dev.worker().map { $0 != before } ?? false }
        await dev.process.stop(grace: .seconds(30))
    }

    @Test func aJobOfAKilledWorkerIsFinishedByAnother() async throws {
        let (asked, ask) = AsyncStream<Void>.makeStream()
        let visits = Mutex(0)
        let site = try await StubHTTPServer { request in
            guard request.path == "/" else { return .text("nothing here", status: 404) }
            let visit = visits.withLock { visits in
                visits += 1
                return visits
            }
            // The first visitor waits for ever, and is killed while it waits.
            if visit == 1 { ask.yield() }
            return visit == 1 ? .silence : .html("<title>Home</title><p>Welcome to the harbour.</p>")
        }
        let dev = try await RunningDev(["--allow", "127.0.0.1:\(site.port)"])
        let accepted = try await dev.post(
            "/ingest-async", ["source_type": "web_crawl", "source_uri": .string(site.url + "/"), "metadata": [:]])
        let id = try #require(accepted["job_id"]?.string)
        for await _ in asked { break }
        kill(Int32(try #require(await dev.worker())), SIGKILL)
        let last = try #require(try await dev.events("/jobs/\(id)/events").last)
        #expect(last.name == "completed")
        #expect(try await dev.rows("SELECT status, attempt FROM jobs WHERE id = '\(id)'") == ["completed|2"])
        #expect(
            try await dev.rows("SELECT attempt, outcome FROM job_attempts WHERE job_id = '\(id)' ORDER BY 1") == [
                "1|crashed", "2|completed",
            ])
        await dev.process.stop(grace: .seconds(30))
        await site.stop()
    }

    @Test func aSecondDevOnTheSameDirectoryIsRefused() async throws {
        let dev = try await RunningDev()
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let second = try await ChildEnd.of(["dev", "--port", "0", "--directory", dev.directory + "/d"]) { continuation.yield($0) }
        continuation.finish()
        #expect(second == .exited(1))
        var said = ""
        for await line in lines { said += line }
        #expect(said.contains("Another `tidewheel dev`"))
        await dev.process.stop(grace: .seconds(30))
    }

    @Test func aWorkerWithoutAModelServerSaysWhatToSet() async throws {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let end = try await ChildEnd.of(["worker", "--redis-url", "unix:///nowhere/r.sock"]) { continuation.yield($0) }
        continuation.finish()
        #expect(end == .exited(1))
        var said = ""
        for await line in lines { said += line }
        #expect(said.contains("OLLAMA_URL") && said.contains("TIDEWHEEL_MODELS=echo"))
    }
}

extension RunningDev {
    /// The process number of the one live worker.
    func worker() async -> Int? {
        let workers = try? await get("/health/workers")["workers"]?.array
        return workers?.first { $0["status"]?.string == "alive" }?["pid"]?.integer
    }
}
