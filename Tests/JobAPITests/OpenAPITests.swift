import FoundationEssentials
import HTTPTypes
import JobKinds
import JobModel
import Testing

@testable import JobAPI

/// The document says what the API does: it is compared with the tables that the API goes by, and its examples with its schemas.
@Suite struct OpenAPITests {
    private let document = OpenAPI.document(version: "1", catalogue: JobCatalogue(EveryKind.kinds))

    private var operations: [String: JSONValue] {
        var found: [String: JSONValue] = [:]
        for (path, item) in document["paths"]?.object ?? [:] {
            for (method, operation) in item.object ?? [:] { found["\(method.uppercased()) \(path)"] = operation }
        }
        return found
    }

    @Test func everyRouteIsDescribedAndNothingElse() {
        #expect(Operation.all.map(\.route).sorted() == Routes.spelled.sorted())
        #expect(operations.keys.sorted() == Routes.spelled.sorted())
        #expect(Set(Operation.all.map(\.id)).count == Operation.all.count)
    }

    @Test func scopesAreThoseOfTheAccessTable() {
        for (spelled, operation) in operations {
            let told = operation["security"]?.array?.compactMap { $0["apiKey"]?.array?.first?.string }
            #expect(told == Access.of(spelled).scopes.map(\.rawValue), "\(spelled)")
        }
    }

    @Test func queriesAreThoseThatTheRouteKnows() {
        for operation in Operation.all {
            guard let known = KnownQueries.of(operation.route) else { continue }
            #expect(operation.query.map(\.name).sorted() == known.sorted(), "\(operation.route)")
        }
    }

    /// Routes that look through their queries themselves name what they know when they are asked for something else.
    @Test func queriesAreThoseThatTheRouteNames() async throws {
        try await withAPI { api in
            for operation in Operation.all where KnownQueries.of(operation.route) == nil && !operation.query.isEmpty {
                let words = operation.route.split(separator: " ").map(String.init)
                let path = words[1].replacing("{session_id}", with: "s").replacing("{id}", with: AnswerShape.exampleID)
                let answer = try await api.send(
                    words[0], "\(path)?nonsense=1", ["Content-Type": "application/json"], body: Array("{}".utf8))
                let detail = answer.json["errors"]?.array?.first?["detail"]?.string ?? ""
                let named = detail.split(separator: "there are: ").last.map { $0.split(separator: ", ").map(String.init) } ?? []
                #expect(named.sorted() == operation.query.map(\.name).sorted(), "\(operation.route): \(answer.json)")
            }
        }
    }

    /// A misspelled parameter must not look like one that was heeded. Probes are let through as they come.
    @Test func everyRouteRefusesWhatItDoesNotKnow() async throws {
        try await withAPI { api in
            for route in Routes.table where !["/livez", "/readyz", "/health", "/health/workers"].contains(route.path) {
                let path = route.path.replacing("{id}", with: AnswerShape.exampleID).replacing("{", with: "").replacing("}", with: "")
                for query in ["nonsense=1", "%ff=1", "=%00"] {
                    let answer = try await api.send(
                        route.method.rawValue, "\(path)?\(query)", ["Content-Type": "application/json"], body: Array("{}".utf8))
                    #expect(["invalid-query", "invalid-filter"].contains(answer.problem), "\(route.spelled) \(query): \(answer.json)")
                }
            }
        }
    }

    @Test func everyProblemIsInTheTable() throws {
        let folder = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        for operation in Operation.all {
            for type in operation.problems { #expect(!ProblemTable.named(type).isEmpty, "\(operation.route) names \(type)") }
        }
        // The rows of the reference page: | status | `type` `type` | when |
        let page = String(decoding: try #require(FileManager.default.contents(atPath: folder + "/docs/http-api.md")), as: UTF8.self)
        var told: Set<String> = []
        for row in page.prefix(upTo: try #require(page.firstRange(of: "### Repeating")).lowerBound).split(separator: "\n") {
            let cells = row.split(separator: "|").map { $0.trimming(" ") }
            guard cells.count > 1, let status = Int(cells[0]), (400...599).contains(status) else { continue }
            for type in cells[1].split(separator: "`") where type.first != " " { told.insert("\(status) \(type)") }
        }
        // A path below /site/ is no route of the document; a kind that a path names is 404.
        let known = Set(ProblemTable.all.map { "\($0.status.code) \($0.type)" })
        #expect(told.subtracting(["400 refused"]) == known.subtracting(["404 unknown-kind"]))
    }

    @Test func everyReferenceLeadsSomewhere() {
        for place in references(in: document) {
            let found = place.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
            #expect(found != nil, "\(place)")
        }
    }

    @Test func everyExampleFitsItsSchema() {
        var count = 0
        for (spelled, operation) in operations {
            let contents = [operation["requestBody"]] + (operation["responses"]?.object ?? [:]).values.map { resolved($0) }
            for content in contents.compactMap({ $0?["content"]?.object }).flatMap(\.values) {
                let named = (content["examples"]?.object ?? [:]).values.compactMap { $0["value"] }
                for example in named + [content["example"]].compactMap(\.self) {
                    count += 1
                    #expect(faults(in: example, content["schema"] ?? [:]) == [], "\(spelled)")
                }
            }
        }
        #expect(count > 300)
    }

    /// What the shapes accept fits their schemas, and what they refuse does not.
    @Test func schemasOfSubmissionsAreThoseOfTheShapes() {
        let schema: JSONValue = ["$ref": "#/components/schemas/JobSubmission"]
        #expect(faults(in: ["kind": "web_crawl", "input": ["url": "https://example.com/"], "priority": "high"], schema) == [])
        for wrong: JSONValue in [
            ["kind": "web_crawl"], ["kind": "web_crawl", "input": [:]], ["kind": "nothing", "input": [:]],
            ["kind": "web_crawl", "input": ["url": "https://example.com/", "pages": 5]],
            ["kind": "web_crawl", "input": ["url": "https://example.com/"], "priorty": "high"],
            ["kind": "web_crawl", "input": ["url": "https://example.com/"], "backoff": ["base_seconds": 0]],
        ] {
            #expect(faults(in: wrong, schema) != [], "\(wrong)")
        }
    }

    private func faults(in value: JSONValue, _ schema: JSONValue) -> [InputShape.Fault] {
        var whole = schema.object ?? [:]
        whole["components"] = document["components"]
        return JSONSchema(.object(whole)).faults(in: value)
    }

    private func resolved(_ value: JSONValue) -> JSONValue? {
        guard let place = value["$ref"]?.string else { return value }
        return place.split(separator: "/").dropFirst().reduce(Optional(document)) { $0?[String($1)] }
    }

    private func references(in value: JSONValue) -> [String] {
        let own = [value["$ref"]?.string].compactMap(\.self)
        let mapped = (value["mapping"]?.object ?? [:]).values.compactMap(\.string)
        return own + mapped + (value.object.map { Array($0.values) } ?? value.array ?? []).flatMap(references)
    }
}

extension Substring {
    fileprivate func trimming(_ character: Character) -> String {
        let start = drop { $0 == character }
        return String(start.reversed().drop { $0 == character }.reversed())
    }
}
