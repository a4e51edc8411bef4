import JobKinds
import JobModel
import Testing

@Suite struct EveryKindTests {
    @Test(.timeLimit(.minutes(1))) func everyKindHasItsHandler() async throws {
        try await KindsFixture.run { fixture in
            #expect(EveryKind.handlers(in: fixture.rooms).map(\.kind.name) == EveryKind.kinds.map(\.name))
        }
    }

    @Test func inputsGetTheirDefaults() throws {
        let crawl = try #require(EveryKind.kinds.first { $0.name == "web_crawl" })
        let input = try crawl.input.accept(["url": "http://h/"]).get()
        #expect(input["max_pages"] == 10 && input["max_depth"] == 5 && input["respect_robots"] == true && input["delay_ms"] == nil)
    }

    @Test(
        arguments: [
            ["url": "ftp://h/"], ["url": "http://h/", "max_pages": 0], ["url": "http://h/", "max_pages": 10_001],
            ["url": "http://h/", "delay_ms": -1],
            ["url": "http://h/", "max_depth": 51], ["url": "http://h/", "allow_domains": "h"], [:], ["url": "http://u:p@h/"],
        ] as [JSONValue])
    func inputsThatCannotBeMeantAreRefused(input: JSONValue) throws {
        let crawl = try #require(EveryKind.kinds.first { $0.name == "web_crawl" })
        #expect(throws: InputShape.Faults.self) { try crawl.input.accept(input).get() }
    }
}
