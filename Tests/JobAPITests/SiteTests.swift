import FoundationEssentials
import TestServers
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct SiteTests {
    @Test func filesOfTheSiteDirectoryAreServedAndNothingElse() async throws {
        let folder = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(folder) }
        try Data("<p>hello</p>".utf8).write(to: URL(filePath: folder + "/index.html"))
        try await withAPI {
            $0.siteDirectory = folder
        } _: { api in
            let page = try await api.get("/site/")
            #expect(page.status == 200)
            #expect(page.headers["content-type"]?.hasPrefix("text/html") == true)
            #expect(String(decoding: page.body, as: UTF8.self) == "<p>hello</p>")
            #expect(try await api.get("/site/missing.html").problem == "unknown-route")
            #expect(try await api.get("/site/index.html%00.png").problem == "unknown-route")
            for path in ["/site/../../etc/passwd", "/site/%2e%2e/%2e%2e/etc/passwd"] { #expect(try await api.get(path).status == 400) }
        }
    }

    @Test func thereIsNoSiteByDefault() async throws {
        try await withAPI { (api) async throws in
            #expect(try await api.get("/site/index.html").status == 404)
        }
    }
}
