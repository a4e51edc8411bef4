import JobModel
import PostgresWire
import TestServers
import Testing
import WebFetch

/// How a crawl fails, stops and goes on.
@Suite(.timeLimit(.minutes(1))) struct CrawlEndsTests {
    private func start(_ answer: StubResponse) async throws -> JobFailure? {
        let site = try await Site(["/": answer])
        var failure: JobFailure?
        try await KindsFixture.run { failure = await $0.failure("web_crawl", ["url": .string(site.url)]) }
        return failure
    }

    @Test func aStartPageThatIsNotThereEndsTheJob() async throws {
        let failure = try #require(try await start(.text("", status: 404)))
        #expect(failure.verdict == .permanent && failure.type == "http_404")
        #expect(failure.message.contains("HTTP 404"))
        #expect(try await start(.answer(headers: [("Content-Type", "image/png")]))?.verdict == .permanent)
    }

    @Test func aStartPageThatFailsForNowIsTriedAgain() async throws {
        #expect(try await start(.text("", status: 500))?.verdict == .retry(afterMilliseconds: nil))
        #expect(try await start(.answer(503, headers: [("Retry-After", "7")]))?.verdict == .retry(afterMilliseconds: 7000))
        #expect(try await start(.drop)?.verdict == .retry(afterMilliseconds: nil))
    }

    @Test func privateAddressesAreRefused() async throws {
        try await KindsFixture.run(allowing: []) { fixture in
            let site = try await Site(["/": Site.page("home")])
            for url in [site.url, "http://169.254.169.254/", "http://[::1]/", "http://0x7f000001/"] {
                let failure = await fixture.failure("web_crawl", ["url": .string(url)])
                #expect(failure?.verdict == .permanent && failure?.type == "refused_address", "\(url)")
            }
            #expect(site.server.requests.isEmpty)
        }
    }

    @Test func aRedirectToAPrivateAddressIsRefused() async throws {
        let inner = try await Site(["/": Site.page("inner")])
        let site = try await Site(["/": Site.page("home", links: ["/x"]), "/x": Site.redirect(inner.url)])
        try await KindsFixture.run(allowing: ["127.0.0.1:\(site.server.port)"]) { fixture in
            let result = try await fixture.crawl(site)
            #expect(result.number("pages_crawled") == 1 && result.skips("refused_address") == 1)
        }
        #expect(inner.server.requests.isEmpty)
    }

    @Test func aLostLeaseStopsTheCrawl() async throws {
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            record.lose(after: 4)
            let site = try await Site { request in
                request.path == "/" ? Site.page("home", links: (0..<100).map { "/p\($0)" }) : Site.page(request.path)
            }
            await #expect(throws: JobFailure.lost) { try await fixture.crawl(site, ["max_pages": 100], record) }
            #expect(site.asked.count < 20)
        }
    }

    @Test func aCancelledCrawlStopsWithinASecond() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site { request in
                switch request.path {
                case "/": Site.page("home", links: ["/a", "/b"])
                case "/a", "/b": .silence
                default: .text("not here", status: 404)
                }
            }
            let crawl = Task { try await fixture.crawl(site) }
            try await eventually { site.asked.count == 3 }
            let begin = ContinuousClock.now
            crawl.cancel()
            await #expect(throws: JobFailure.cancelled) { try await crawl.value }
            #expect(ContinuousClock.now - begin < .seconds(5))
        }
    }

    @Test func aLaterAttemptFetchesOnlyWhatIsMissing() async throws {
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            let site = try await Site { request in
                switch request.path {
                case "/": Site.page("home", links: ["/a"])
                case "/a": Site.page("a", links: ["/b", "/c"])
                default: Site.page(request.path)
                }
            }
            record.lose(after: 4)
            await #expect(throws: JobFailure.lost) { try await fixture.crawl(site, [:], record) }
            record.lose(after: nil)
            let result = try await fixture.crawl(site, [:], record)
            #expect(result.number("pages_crawled") == 4)
            #expect(site.asked["/"] == 1 && site.asked["/a"] == 1)
            #expect(try await fixture.count("SELECT max(generation) FROM documents WHERE uri = '\(site.url)'") == 1)
        }
    }

    @Test func pagesThatFailedForNowAreTriedAgainByTheNextAttempt() async throws {
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            let site = try await Site { [count = Counter()] request in
                request.path == "/a" && count.next() == 1 ? .text("", status: 500) : Site.page(request.path, links: ["/a"])
            }
            #expect(try await fixture.crawl(site, [:], record).skips("http_500") == 1)
            #expect(try await fixture.crawl(site, [:], record).number("pages_crawled") == 2)
        }
    }

    @Test func aWorkerThatLeavesHandsTheJobBackAndRemembersNoFailure() async throws {
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            let site = try await Site { request in
                switch request.path {
                case "/": Site.page("home", links: ["/a"])
                case "/a": .silence
                default: .text("not here", status: 404)
                }
            }
            let crawl = Task { try await fixture.crawl(site, [:], record) }
            try await eventually { site.asked.count == 2 }
            await fixture.fetcher.close()
            await #expect(throws: JobFailure.handBack) { try await crawl.value }
            #expect(record.steps.count == 1)
        }
    }

    @Test func aModelServerThatIsAwayFailsTheAttempt() async throws {
        try await KindsFixture.run(models: AwayModel()) { fixture in
            let site = try await Site(["/": Site.page("home")])
            #expect(await fixture.failure("web_crawl", ["url": .string(site.url)]) == AwayModel.failure)
        }
    }

    @Test func aDatabaseThatIsAwayIsTriedAgain() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site(["/": Site.page("home")])
            await fixture.pool.close()
            let failure = await fixture.failure("web_crawl", ["url": .string(site.url)])
            #expect(failure?.type == "database" && failure?.verdict == .retry(afterMilliseconds: nil))
        }
    }
}
