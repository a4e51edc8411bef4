import JobModel
import Testing

@testable import JobAPI

@Suite(.timeLimit(.minutes(1))) struct KindsTests {
    @Test func everyKindTellsWhatItTakes() async throws {
        try await withAPI { api in
            let kinds = try #require(try await api.get("/kinds").json["kinds"]?.array)
            #expect(kinds.compactMap { $0["kind"]?.string }.prefix(2) == ["web_crawl", "document"])
            let crawl = try await api.get("/kinds/web_crawl").json
            #expect(kinds.contains(crawl))
            #expect(crawl["input_schema"]?["required"] == ["url"])
            #expect(crawl["input_schema"]?["properties"]?["max_pages"]?["default"] == 10)
            let unknown = try await api.get("/kinds/nothing")
            #expect(unknown.status == 404)
            #expect(unknown.json["type"] == "urn:tidewheel:problem:unknown-kind")
        }
    }
}
