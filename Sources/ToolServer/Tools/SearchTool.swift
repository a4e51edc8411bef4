internal import JobModel

/// search_documents: what was ingested, by meaning.
enum SearchTool {
    static let tools = [search]

    private static let search = Tool(
        name: "search_documents", title: "Search what was ingested",
        description: "Find the passages nearest in meaning to a question among everything that crawl_web and ingest_doc have stored, with "
            + "source, title and score (1 is the same meaning). Filter by where they come from and when they were ingested.",
        input: ArgumentShape(
            [
                .init("query", .text(maxLength: 8_000), required: true, "what to look for, in plain words"),
                .init("limit", .integer(1...50), standard: 10, "how many passages"),
                .init("source", .text(maxLength: 8_192), "only from this URI, or from URIs that begin with it"),
                .init("since", .text(maxLength: 64), "only what was ingested at or after this RFC 3339 time"),
                .init("until", .text(maxLength: 64), "only what was ingested before this RFC 3339 time"),
                .init("per_source", .integer(1...50), "so many passages of one document at most"),
                .init("min_score", .number(0...1), "only passages of at least this score"),
            ], aliases: ["q": "query", "question": "query", "top_k": "limit", "source_uri": "source"]),
        output: [
            "type": "object", "required": ["results", "count"],
            "properties": [
                "results": [
                    "type": "array",
                    "items": [
                        "type": "object", "required": ["text", "score", "source"],
                        "properties": [
                            "text": ["type": "string"], "score": ["type": "number"], "source": ["type": "string"],
                            "title": ["type": "string"],
                            "chunk": ["type": "integer"], "document_id": ["type": "string"],
                        ],
                    ],
                ],
                "count": ["type": "integer"], "model": ["type": "string"],
            ],
        ], nature: .look
    ) { call throws(ToolFault) in
        let document = try await call.ask(DoorRequest("POST", "search", body: .object(call.arguments))).body
        let found = document["results"]?.array ?? []
        guard !found.isEmpty else {
            let advice = "Next: ask in other words, leave the filters out, or crawl_web(url=\"…\") to bring in more."
            return ToolAnswer("Nothing that was ingested is near to that.\n\n\(advice)", document.object ?? [:])
        }
        let passages = found.enumerated().map { index, passage in
            let title = passage["title"]?.string.flatMap { $0.isEmpty ? nil : "\($0) — " } ?? ""
            let score = passage["score"]?.number.map { ($0 * 1000).rounded() / 1000 } ?? 0
            return "\(index + 1). \(title)\(passage["source"]?.string ?? "") (score \(score))\n\(passage["text"]?.string ?? "")"
        }
        let (text, isCut) = Spelling.beginning(passages.joined(separator: "\n\n"), of: ResultText.maxTextBytes)
        return ToolAnswer(text + (isCut ? "\n… (cut off here: ask with a smaller limit)" : ""), document.object ?? [:])
    }
}
