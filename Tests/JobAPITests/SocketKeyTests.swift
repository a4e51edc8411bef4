import JobDesk
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct SocketKeyTests {
    private func withKeys(
        _ adjust: @escaping (inout JobServerSettings) -> Void = { _ in }, _ test: (RunningAPI) async throws -> Void
    ) async throws {
        try await withAPI { settings in
            settings.callers = .required
            adjust(&settings)
        } _: { api in
            try await test(api)
        }
    }

    private func text(_ key: [String: String]) -> String { String(key["Authorization"]?.dropFirst("Bearer ".count) ?? "") }

    @Test func aKeyComesInTheHeaderTheSubprotocolOrTheFirstMessage() async throws {
        try await withKeys { api in
            let key = try await api.key([.read])
            let byHeader = try await SocketClient(api, key)
            try await byHeader.send(["type": "ping"])
            #expect(try await byHeader.message()["type"] == "pong")
            let byProtocol = try await SocketClient(api, ["Sec-WebSocket-Protocol": "tidewheel, tidewheel.key.\(text(key))"])
            #expect(byProtocol.head.headers["sec-websocket-protocol"] == "tidewheel")
            try await byProtocol.send(["type": "ping"])
            #expect(try await byProtocol.message()["type"] == "pong")
            let byMessage = try await SocketClient(api)
            try await byMessage.send(["type": "ping"])
            #expect(try await byMessage.message()["code"] == "not-authenticated")
            try await byMessage.send(["type": "auth", "key": .string(text(key))])
            #expect(try await byMessage.message()["type"] == "authenticated")
            try await byMessage.send(["type": "ping"])
            #expect(try await byMessage.message()["type"] == "pong")
        }
    }

    @Test func whoHasNoKeyOrTheWrongOneStaysOutside() async throws {
        try await withKeys {
            $0.connection.socket.authentication = .milliseconds(100)
        } _: { api in
            let submit = try await api.key([.submit])
            #expect(try await SocketClient(api, ["Authorization": "Bearer \(APIKeyText.make().text)"]).head.status == 401)
            #expect(try await SocketClient(api, submit).head.status == 403)
            #expect(try await SocketClient(api, ["Sec-WebSocket-Protocol": "tidewheel.key.\(text(submit))"]).head.status == 403)
            #expect(try await SocketClient(api, ["Origin": "https://evil.example"]).head.status == 403)
            #expect(try await SocketClient(api).closeCode() == 1008)
            let wrong = try await SocketClient(api)
            try await wrong.send(["type": "auth", "key": .string(text(submit))])
            #expect(try await wrong.closeCode() == 1008)
        }
    }

    /// PostgreSQL answers long after the time for a key: the key came in time, and what was said behind it is not forgotten.
    @Test func whatFollowsAKeyWaitsUntilItIsLookedUp() async throws {
        try await withKeys {
            $0.connection.socket.authentication = .milliseconds(300)
        } _: { api in
            let (key, submit) = (try await api.key([.read]), try await api.key([.submit]))
            let id = try #require(try await api.post("/jobs", RunningAPI.crawl, submit).jobID)
            let pool = api.pool
            let holding = Task {
                try await pool.transaction { connection throws(PostgresError) in
                    try connection.execute("LOCK TABLE api_keys")
                    _ = try connection.query("SELECT pg_sleep(1)")
                }
            }
            try await eventually {
                try await !pool.query("SELECT FROM pg_locks WHERE relation = 'api_keys'::regclass AND mode = 'AccessExclusiveLock'").isEmpty
            }
            let socket = try await SocketClient(api)
            try await socket.send(["type": "auth", "key": .string(text(key))])
            try await socket.watch(id)
            try await socket.send(["type": "ping"])
            var types: Set<String?> = []
            for _ in 0..<4 { types.insert(try await socket.message()["type"]?.string) }
            #expect(types == ["authenticated", "watching", "status", "pong"])
            try await holding.value
        }
    }

    @Test func aConnectionCountsAsARequest() async throws {
        try await withKeys { api in
            let key = try await api.key([.read]) { $0.rate = Limit.Rate(count: 1, perMilliseconds: 60_000, burst: 1) }
            #expect(try await SocketClient(api, key).head.status == 101)
            #expect(try await SocketClient(api, key).head.status == 429)
            let later = try await SocketClient(api)
            try await later.send(["type": "auth", "key": .string(text(key))])
            #expect(try await later.closeCode() == 1013)
        }
    }

    @Test func aKeyThatIsRevokedEndsItsConnections() async throws {
        try await withKeys {
            $0.connection.socket.ping = .seconds(1)
        } _: { api in
            let key = try await api.key([.read])
            let id = try #require(APIKeyText(text(key))?.id)
            let socket = try await SocketClient(api, key)
            #expect(socket.head.status == 101)
            #expect(try await api.desk.ledger.revokeKey(id, by: AuditEntry(actor: .console, action: "key.revoke")))
            var code: UInt16?
            while let frame = try await socket.frame() {
                if frame == .ping { try await socket.send(0x8a, []) }
                if case .close(let given) = frame { code = given }
            }
            #expect(code == 1008)
        }
    }
}
