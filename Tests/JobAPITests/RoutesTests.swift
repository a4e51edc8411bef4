import FoundationEssentials
import HTTPTypes
import JobModel
import Testing

@testable import JobAPI

@Suite struct RoutesTests {
    @Test func theReferencePageListsExactlyTheRoutes() throws {
        var page = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        page += "/docs/http-api.md"
        let text = String(decoding: try #require(FileManager.default.contents(atPath: page)), as: UTF8.self)
        let headings = text.split(separator: "\n").filter { $0.hasPrefix("### `") }
        #expect(headings.map { String($0.dropFirst("### `".count).prefix { $0 != "`" }) } == Routes.spelled)
    }

    @Test func theReferencePageNamesEveryProblem() throws {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let page = String(decoding: try #require(FileManager.default.contents(atPath: folder + "/docs/http-api.md")), as: UTF8.self)
        let source = try ["Problem", "PresentationProblems", "WebhookProblems", "WorkProblems", "Sockets/OpenSocket"].map { file in
            String(
                decoding: try #require(FileManager.default.contents(atPath: folder + "/Sources/JobAPI/\(file).swift")), as: UTF8.self)
        }.joined()
        let words = source.split(separator: "\"").filter { $0.contains("-") && $0.allSatisfy { $0 == "-" || $0.isLowercase } }
        #expect(words.count > 15)
        for word in Set(words) { #expect(page.contains("`\(word)`"), "\(word)") }
    }

    @Test func spelledSegmentsWinOverCaptures() throws {
        let captured = try Routes.match(.get, "/jobs/x").captured
        #expect(captured == ["x"])
        for route in Routes.table where !route.path.contains("{") {
            let match = try Routes.match(route.method, route.path).route.path
            #expect(match == route.path)
        }
    }

    @Test(arguments: [
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", true),
        ("01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", true),
        ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
        ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
        ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
        ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
        ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false), ("nonsense", false), ("", false),
    ])
    func traceparents(given: String, isValid: Bool) {
        #expect(RequestIDs.traceparent(given) == (isValid ? given : nil))
    }

    @Test(
        arguments: [
            (3_000, "a few seconds"), (30_000, "less than a minute"), (60_000, "1-2 minutes"), (120_000, "1-3 minutes"),
            (200_000, "2-5 minutes"),
            (3_600_000, "30-75 minutes"),
        ] as [(Int64, String)])
    func estimatesAreForPeople(milliseconds: Int64, text: String) {
        #expect(SubmitJob.estimate(milliseconds) == text)
    }

    @Test func tagsAreComparedWeakly() {
        #expect(ETag.matches(ETag.list("\"1-queued\""), "W/\"1-queued\""))
        #expect(ETag.matches(ETag.list("*"), "W/\"1-queued\""))
        #expect(!ETag.matches(ETag.list("W/\"2-queued\", \"3\""), "W/\"1-queued\""))
    }
}
