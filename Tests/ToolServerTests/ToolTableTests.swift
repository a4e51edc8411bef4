import FoundationEssentials
import JobModel
import Testing

@testable import ToolServer

@Suite struct ToolTableTests {
    @Test func everyToolSaysWhatAModelMustKnow() {
        #expect(Kinds.table.tools.count == 27)
        #expect(Set(Kinds.table.tools.map(\.name)).count == 27)
        for tool in Kinds.table.tools {
            #expect(tool.name.utf8.count <= 64 && tool.name == ToolNames.snake(tool.name))
            #expect(tool.description.utf8.count > 80 && !tool.title.isEmpty)
            #expect(tool.input.schema["type"] == "object" && tool.output["type"] == "object")
            // What is required is there, and an object without properties fits no output that requires something.
            let properties = tool.input.schema["properties"]?.object ?? [:]
            for name in tool.input.schema["required"]?.array ?? [] { #expect(properties[name.string ?? ""] != nil, "\(tool.name)") }
            #expect(JSONSchema(tool.output).faults(in: [:]).isEmpty == (tool.output["required"] == nil))
        }
    }

    @Test(arguments: [
        ("get-job-progress", "get_job_progress"), ("getJobStatus", "get_job_status"), ("web_crawl", "crawl_web"),
        ("document", "ingest_doc"),
        ("Generate", "generate"), ("thinking", "analyze_with_thinking"),
    ])
    func otherSpellingsFindTheTool(given: String, name: String) {
        #expect(Kinds.table[given]?.name == name)
    }

    @Test func aKindThatIsNewIsATool() async throws {
        let kind: JSONValue = [
            "kind": "tide_table", "summary": "computes tides",
            "input_schema": [
                "type": "object", "additionalProperties": false, "required": ["port"],
                "properties": ["port": ["type": "string"], "title": ["type": "integer"]],
            ],
        ]
        let info = try #require(KindInfo(kind))
        let tool = try #require(ToolTable(Kinds.infos + [info])["tideTable"])
        #expect(tool.name == "tide_table" && tool.description.hasPrefix("Computes tides."))
        // Its own field wins over the option of the same name.
        #expect(tool.input.schema["properties"]?["title"] == ["type": "integer"] && tool.input.schema["required"] == ["port"])
        #expect(tool.input.schema["properties"]?["wait_seconds"] != nil)
        // One that takes more than it names, under a schema of others' making.
        let open = try #require(
            KindInfo(["kind": "open", "input_schema": ["$defs": ["p": ["type": "string"]], "anyOf": [["minProperties": 1]]]]))
        let door = StubDoor { _ in .ok(["job_id": "j", "status": "queued"], status: 202) }
        for (name, arguments): (String, [String: JSONValue]) in [
            ("open", ["any": 1, "priority": "low"]), ("submit_job", ["kind": "open", "any": 1, "priority": "low"]),
        ] {
            let table = ToolTable([open])
            let found = try #require(table[name])
            _ = try await found.run(ToolCall(arguments: try found.input.accept(arguments), door: door, kinds: table.kinds))
            #expect(door.asked.last?.body == ["kind": "open", "input": ["any": 1], "priority": "low"])
            if name == "open" { #expect(found.input.schema["anyOf"] == [["minProperties": 1]]) }
        }
        // One that is called as a tool is called leaves that tool alone.
        let shadow = try #require(KindInfo(["kind": "list_jobs", "input_schema": [:]]))
        #expect(ToolTable([shadow]).tools.filter { $0.name == "list_jobs" }.map(\.title) == ["List jobs"])
    }

    /// What a kind has among its fields is input alone, though an option is called the same.
    @Test(arguments: ["tide_table", "submit_job"]) func aFieldIsNoOption(name: String) async throws {
        let info = try #require(
            KindInfo([
                "kind": "tide_table",
                "input_schema": ["properties": ["wait_seconds": ["type": "integer"], "idempotency_key": ["type": "string"]]],
            ]))
        let table = ToolTable([info])
        let tool = try #require(table[name])
        let fields: [String: JSONValue] = ["wait_seconds": 60, "idempotency_key": "k"]
        let given = name == "submit_job" ? fields.merging(["kind": "tide_table"]) { $1 } : fields
        let prepared = ToolServer(version: "t").prepare(tool, given, table)
        #expect(!prepared.waits)
        let door = StubDoor { _ in .ok(["job_id": "j", "status": "queued"], status: 202) }
        _ = try await tool.run(ToolCall(arguments: try prepared.arguments.get(), door: door, kinds: table.kinds))
        #expect(door.asked.map(\.path) == ["/jobs"] && door.asked.first?.headers["Idempotency-Key"] == nil)
        #expect(door.asked.first?.body?["input"] == .object(fields))
    }

    /// One row a tool: | `name` | arguments | scope |; those of submissions that all have are told once.
    @Test func theReferencePageListsExactlyTheTools() throws {
        var page = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        page += "/docs/mcp.md"
        let text = String(decoding: try #require(FileManager.default.contents(atPath: page)), as: UTF8.self)
        let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.map { row in
            row.split(separator: "|").prefix(2).map { String($0.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
        }
        let wanted = Kinds.table.tools.map { tool in ["`\(tool.name)`", arguments(tool)] }
        #expect(rows == wanted, "\(wanted.filter { !rows.contains($0) }.map { "| \($0[0]) | \($0[1]) |" }.joined(separator: "\n"))")
        for option in SubmissionFields.fields { #expect(text.contains("`\(option.name)`"), "\(option.name)") }
    }

    /// Those that must be given first, then the others; without the options of submissions.
    private func arguments(_ tool: Tool) -> String {
        let schema = tool.input.schema
        let required = Set((schema["required"]?.array ?? []).compactMap(\.string))
        let all = (schema["properties"]?.object ?? [:]).keys.filter { name in
            required.contains(name) || !tool.nature.submits || !SubmissionFields.names.contains(name)
                || schema["properties"]?[name] != SubmissionFields.schemas[name]
        }
        let names = all.filter(required.contains).sorted().map { "**\($0)**" } + all.filter { !required.contains($0) }.sorted()
        return names.isEmpty ? "–" : names.joined(separator: ", ")
    }
}
