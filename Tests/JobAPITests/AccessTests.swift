import FoundationEssentials
import HTTPTypes
import JobModel
import Testing

@testable import JobAPI

@Suite struct AccessTests {
    @Test func everyRouteHasItsAccess() {
        #expect(Access.table.keys.sorted() == Routes.spelled.sorted())
        for route in Routes.table { #expect(route.access == Access.table["\(route.method.rawValue) \(route.path)"]) }
    }

    @Test func aRouteThatIsMissingNeedsTheMostThereIs() {
        #expect(Access.of("POST /somewhere").scopes == [.manage])
        #expect(Access.of("POST /somewhere").action == "POST /somewhere")
    }

    /// What only looks changes nothing, and what changes something is not open to those who may only look.
    @Test func scopesFollowTheMethods() {
        for route in Routes.table {
            switch route.access {
            // A search has a body, and looks all the same.
            case .read where route.path == "/search": #expect(route.method == .post)
            case .anyKey: #expect(route.method == .get || route.path.hasPrefix("/mcp"), "\(route.path)")
            case .open, .read, .socket, .oversee: #expect(route.method == .get, "\(route.path)")
            case .submit: #expect(route.method == .post, "\(route.path)")
            case .work: #expect(route.path.hasPrefix("/work/") || route.path == "/kinds", "\(route.path)")
            case .manage, .own: #expect(route.method != .get, "\(route.path)")
            }
        }
    }

    private func said(_ access: Access) -> String {
        if case .anyKey = access { return "any" }
        if case .own = access { return "manage; submit for its own jobs" }
        return access.scopes.first?.rawValue ?? "–"
    }

    /// One row a route: | `METHOD path` | scope | action |
    @Test func theReferencePageSaysWhatEachRouteNeeds() throws {
        var page = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        page += "/docs/keys.md"
        let text = String(decoding: try #require(FileManager.default.contents(atPath: page)), as: UTF8.self)
        let told = text.split(separator: "\n").filter { row in Routes.spelled.contains { row.hasPrefix("| `\($0)` |") } }.map(String.init)
        let wanted = Routes.table.map { route in
            "| `\(route.method.rawValue) \(route.path)` | \(said(route.access)) | \(route.access.action.map { "`\($0)`" } ?? "–") |"
        }
        #expect(told == wanted)
    }
}
