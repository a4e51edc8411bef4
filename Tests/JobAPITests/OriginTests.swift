import JobDesk
import JobModel
import Testing

@testable import JobAPI

/// What reaches a loopback API without keys through a browser, and what does not.
@Suite(.timeLimit(.minutes(1))) struct OriginTests {
    @Test func loopbackAnswersToItsNames() async throws {
        try await withAPI { (api) async throws in
            for host in ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "127.1.2.3", "[::1]:8080", "[::1]"] {
                #expect(try await api.get("/jobs", ["Host": host]).status == 200, "\(host)")
            }
        }
    }

    /// A name of the attacker's that was bound to 127.0.0.1 after the page was loaded.
    @Test func otherNamesAreNotAnswered() async throws {
        try await withAPI { (api) async throws in
            for host in [
                "evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "127.0.0.256", "[::2]",
            ] {
                let answer = try await api.get("/jobs", ["Host": host])
                #expect(answer.status == 421, "\(host)")
                #expect(answer.problem == "foreign-host")
                #expect(try await api.post("/jobs", RunningAPI.crawl, ["Host": host, "Origin": "http://\(host)"]).status == 421)
            }
        }
    }

    @Test func aForeignPageChangesNothing() async throws {
        try await withAPI { (api) async throws in
            for origin in ["https://evil.example", "null", "http://localhost:3000", "http://localhost.evil.example"] {
                let headers = ["Origin": origin, "Host": "localhost:8080"]
                let submitted = try await api.post("/jobs", RunningAPI.crawl, headers)
                #expect(submitted.status == 403, "\(origin)")
                #expect(submitted.problem == "foreign-origin")
                // Without a body it needs no preflight.
                #expect(try await api.send("POST", "/queues/ingest/pause", headers).problem == "foreign-origin")
                #expect(try await api.send("OPTIONS", "/jobs", headers).headers["access-control-allow-origin"] == nil)
            }
            #expect(try await api.desk.pausedQueues().isEmpty)
        }
    }

    @Test func ourOwnPageMayChangeThings() async throws {
        try await withAPI { (api) async throws in
            let own = ["Origin": "http://localhost:8080", "Host": "localhost:8080", "Sec-Fetch-Site": "same-origin"]
            #expect(try await api.post("/jobs", RunningAPI.crawl, own).status == 202)
            for site in ["cross-site", "same-site"] {
                #expect(try await api.post("/jobs", RunningAPI.crawl, ["Sec-Fetch-Site": site]).status == 403)
            }
        }
    }

    @Test func anOpenAPIAnswersToEveryNameButNotToForeignPages() async throws {
        try await withAPI {
            $0.callers = .open
        } _: { (api) async throws in
            #expect(try await api.get("/jobs", ["Host": "jobs.example"]).status == 200)
            let page = ["Host": "jobs.example", "Origin": "https://evil.example"]
            #expect(try await api.post("/jobs", RunningAPI.crawl, page).problem == "foreign-origin")
            let own = ["Host": "jobs.example", "Origin": "https://jobs.example"]
            #expect(try await api.post("/jobs", RunningAPI.crawl, own).status == 202)
        }
    }

    @Test func aRequestHasOneHost() async throws {
        try await withAPI {
            $0.callers = .open
        } _: { (api) async throws in
            for fields in ["", "Host:\r\n", "Host: a\r\nHost: b\r\n"] {
                let connection = try await RawConnection.open(api.port)
                try await connection.send("GET /livez HTTP/1.1\r\n\(fields)\r\n")
                let head = try await connection.head()
                #expect(head.status == 400)
                let problem = try JSONReader.read(try await connection.body(head.headers))
                #expect(problem["type"] == "urn:tidewheel:problem:invalid-header")
            }
        }
    }

    @Test func unknownQueryParametersAreRefused() async throws {
        try await withAPI { (api) async throws in
            for path in ["/flows?limt=1", "/schedules?q=x", "/flows?limit=1&a%62c=2"] {
                let answer = try await api.get(path)
                #expect(answer.status == 400, "\(path)")
                #expect(answer.problem == "invalid-query")
            }
        }
    }

    @Test func unknownQueryParametersOfOtherRoutesAreRefusedToo() async throws {
        try await withAPI { (api) async throws in
            let job = try #require(try await api.post("/jobs", RunningAPI.crawl).jobID)
            #expect(try await api.get("/jobs/\(job)/events?last=1").problem == "invalid-query")
            #expect(try await api.send("POST", "/uploads?name=a", body: [1]).problem == "invalid-query")
            #expect(try await api.get("/flows?limit=1").status == 200)
        }
    }
}
