import FoundationEssentials
import JobModel
import PrivateServers
import TestServers
import Testing
import WebFetch

@testable import JobAPI
@testable import tidewheel

/// Keys as an operator makes them, by the built program, and an API that asks for them.
@Suite(.timeLimit(.minutes(2))) struct KeyCommandTests {
    /// What the program wrote, and how it ended.
    private func run(_ arguments: [String]) async throws -> (lines: [String], exit: ChildExit?) {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(
            ChildOrder(try RunningDev.program(), arguments), onLine: { continuation.yield($0) }, onEnd: { continuation.finish() })
        var said: [String] = []
        for await line in lines { said.append(line) }
        return (said, await child.exit())
    }

    private func database() async throws -> [String] {
        let flags = ["--database-url", try await TestPostgres.freshDatabase()]
        #expect(try await run(["migrate"] + flags).exit == .exited(0))
        return flags
    }

    @Test func aKeyIsMadeUsedAndRevoked() async throws {
        let flags = try await database()
        let redis = try await TestRedis.shared().url
        let more = [
            "--redis-url", redis, "--set", "TIDEWHEEL_KEY_PREFIX=\(TestRedis.uniquePrefix())", "--set", "TIDEWHEEL_DECK_DIRECTORY=/nowhere",
        ]
        let (told, tell) = AsyncStream<String>.makeStream()
        let api = try ChildProcess(
            ChildOrder(
                try RunningDev.program(),
                ["api", "--host", "0.0.0.0", "--port", "0", "--set", "TIDEWHEEL_API_KEYS=required"] + flags + more),
            onLine: { tell.yield($0) }, onEnd: { tell.finish() })
        var lines = told.makeAsyncIterator()
        var port: String?
        var isWarned = false
        while port == nil, let line = await lines.next() {
            // The workers' directory may be on their machines only.
            isWarned = isWarned || line.contains("Files of presentations cannot be served")
            if line.contains("listens on") { port = line.split(separator: ":").last.map(String.init) }
        }
        #expect(isWarned)
        let url = "http://127.0.0.1:\(try #require(port))/queues"
        while let line = await lines.next(), !line.contains("There is no API key yet") {}

        let made = try await run(["key", "create", "--name", "ci", "--scopes", "read", "--rate", "100/60", "--expires", "1d"] + flags)
        #expect(made.exit == .exited(0))
        let text = try #require(made.lines.first { $0.hasPrefix("twk_") })
        #expect(made.lines.count == 2)
        let key = try #require(APIKeyText(text))
        let fetcher = Fetcher(guard: nil, userAgent: "tests")
        #expect(try await status(fetcher, url, nil) == 401)
        #expect(try await status(fetcher, url, text) == 200)

        let listed = try await run(["key", "list"] + flags).lines
        #expect(listed.count == 1)
        #expect(listed[0].hasPrefix("\(key.id)  ci  read  100 requests in 60 s, 100 at once"))
        #expect(!listed[0].contains(text.dropFirst(21)))
        try await eventually(within: .seconds(10)) { try await run(["key", "list"] + flags).lines[0].contains("last used 20") }
        #expect(try await run(["key", "revoke", key.id] + flags).exit == .exited(0))
        try await eventually(within: .seconds(4)) { try await status(fetcher, url, text) == 401 }
        #expect(try await run(["key", "revoke", key.id] + flags).exit != .exited(0))
        #expect(try await run(["key", "list"] + flags).lines.isEmpty)
        let all = try await run(["key", "list", "--all", "--json"] + flags).lines
        #expect(try JSONReader.read(try #require(all.first))["revoked_at"] != nil)
        await fetcher.close()
        await api.stop(grace: .seconds(20))
    }

    private func status(_ fetcher: Fetcher, _ url: String, _ key: String?) async throws -> Int {
        var request = FetchRequest(url: url)
        if let key { request.headers = [("Authorization", "Bearer \(key)")] }
        return try await fetcher.fetch(request).status
    }

    @Test(arguments: [
        ["--scopes", "read"], ["--name", "n", "--scopes", "admin"], ["--name", "n", "--scopes", ""], ["--name", "", "--scopes", "read"],
        ["--name", "n", "--scopes", "read", "--rate", "100"], ["--name", "n", "--scopes", "read", "--rate", "0/1"],
        ["--name", "n", "--scopes", "read", "--burst", "1"], ["--name", "n", "--scopes", "read", "--expires", "soon"],
        ["--name", "n", "--scopes", "read", "--live-jobs", "10001"], ["--name", "n", "--scopes", "read", "--jobs-a-day", "0"],
    ])
    func whatMakesNoSenseIsRefusedBeforeAnythingIsAsked(arguments: [String]) async throws {
        let nowhere = ["--database-url", "postgresql://127.0.0.1:1/none"]
        let refused = try await run(["key", "create"] + arguments + nowhere)
        #expect(refused.exit == .exited(2), "\(refused.lines)")
    }

    @Test func anAPIThatOthersCanReachNeedsARule() async throws {
        let refused = try await run(["api", "--host", "0.0.0.0", "--port", "0"])
        #expect(refused.exit != .exited(0))
        #expect(refused.lines.contains { $0.contains("TIDEWHEEL_API_KEYS=required") && $0.contains("key create") })
        let devToo = try await run([
            "dev", "--set", "TIDEWHEEL_HOST=0.0.0.0", "--port", "0", "--directory", TemporaryDirectory.make() + "/d",
        ])
        #expect(devToo.exit != .exited(0))
        #expect(devToo.lines.contains { $0.contains("TIDEWHEEL_API_KEYS=required") })
    }

    @Test(arguments: [
        ("127.0.0.1", "loopback", true), ("localhost", "loopback", true), ("::1", "loopback", true), ("0.0.0.0", "loopback", false),
        ("::", "loopback", false), ("10.0.0.1", "loopback", false), ("jobs.example", "loopback", false), ("0.0.0.0", "required", true),
        ("0.0.0.0", "open", true),
    ])
    func theRuleFitsTheAddress(host: String, rule: String, isAllowed: Bool) throws {
        let settings = try Settings(environment: ["TIDEWHEEL_HOST": host, "TIDEWHEEL_API_KEYS": rule])
        if isAllowed {
            #expect(try Exposure.rule(settings).rawValue == rule)
        } else {
            #expect(throws: Refusal.self) { try Exposure.rule(settings) }
        }
    }

    /// The compose file and the systemd example listen for others, or stand behind a proxy: they ask for keys.
    @Test(arguments: ["docker-compose.yml", "deploy/systemd/environment.example"])
    func whatIsDeployedAsksForKeys(file: String) throws {
        let text = try String(contentsOfFile: "\(projectRoot)/\(file)", encoding: .utf8)
        #expect(text.contains("TIDEWHEEL_API_KEYS=required") || text.contains("TIDEWHEEL_API_KEYS: ${TIDEWHEEL_API_KEYS:-required}"))
    }
}
