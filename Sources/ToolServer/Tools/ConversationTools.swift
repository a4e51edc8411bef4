internal import JobModel

/// manage_conversation: what was said in the sessions of model jobs.
enum ConversationTools {
    static let tools = [conversation]

    private static let conversation = Tool(
        name: "manage_conversation", title: "Conversations of sessions",
        description:
            "list shows the sessions in which something was said, view shows one with all its messages, clear deletes what was said in it.",
        input: ArgumentShape([
            .init("action", .choice(["list", "view", "clear"]), required: true, "what to do"),
            .init("session_id", .text(maxLength: 200), "the session; needed to view and to clear"),
            .init("limit", .integer(1...500), standard: 100, "how many sessions or messages"),
            .init("cursor", .text(maxLength: 500), "next_cursor of the page before"),
        ]),
        output: [
            "type": "object", "required": ["action"],
            "properties": [
                "action": ["type": "string"], "session_id": ["type": "string"], "conversations": ["type": "array"],
                "messages": ["type": "array"], "deleted_messages": ["type": "integer"], "next_cursor": ["type": ["string", "null"]],
            ],
        ], nature: .change(destroys: true, repeats: true), run: manage)

    @Sendable private static func manage(_ call: ToolCall) async throws(ToolFault) -> ToolAnswer {
        let action = call.text("action") ?? "list"
        let page = [("limit", String(call.arguments["limit"]?.integer ?? 100)), ("cursor", call.text("cursor"))]
        guard action != "list" else { return try await list(call, page) }
        guard let session = call.text("session_id") else {
            throw ToolFault([.init(pointer: "#/session_id", detail: "is required to \(action)")])
                .advised("Next: manage_conversation(action=\"list\") shows the sessions there are.")
        }
        if action == "view" { return try await view(call, session, page) }
        let gone = try await call.ask(DoorRequest("DELETE", "conversations", session)).body
        return answer("✓ Conversation history cleared for session ID: \(session)", "clear", gone)
    }

    private static func list(_ call: ToolCall, _ page: [(String, String?)]) async throws(ToolFault) -> ToolAnswer {
        let found = try await call.get("conversations", query: page)
        let sessions = (found["conversations"]?.array ?? []).map {
            "- \($0["session_id"]?.string ?? ""): \($0["message_count"]?.integer ?? 0) messages"
        }
        let lines = ["Active Conversation Sessions"] + (sessions.isEmpty ? ["Nothing was said in any session."] : sessions)
        let next = "Next: manage_conversation(action=\"view\", session_id=\"…\") shows what was said."
        return answer((lines + ["", next]).joined(separator: "\n"), "list", found)
    }

    private static func view(_ call: ToolCall, _ session: String, _ page: [(String, String?)]) async throws(ToolFault) -> ToolAnswer {
        let found: JSONValue
        do throws(ToolFault) { found = try await call.get("conversations", session, query: page) } catch {
            throw error.advised("Next: manage_conversation(action=\"list\") shows the sessions there are.")
        }
        let messages = (found["messages"]?.array ?? []).map { message in
            let model = message["model"]?.string.map { " (\($0))" } ?? ""
            return "\(message["number"]?.integer ?? 0). \(message["role"]?.string ?? "")\(model): \(message["content"]?.string ?? "")"
        }
        var lines = ["Conversation \(session): \(found["message_count"]?.integer ?? 0) messages", ""] + messages
        if let cursor = found["next_cursor"]?.string {
            lines += ["", "Next: manage_conversation(action=\"view\", session_id=\"\(session)\", cursor=\"\(cursor)\") shows more."]
        }
        let (text, isCut) = Spelling.beginning(lines.joined(separator: "\n"), of: ResultText.maxTextBytes)
        // A long conversation stands in the answer once: what programs want of it is a smaller page.
        let document = isCut || found.bytes.count > ResultText.maxStructureBytes ? without(found) : found
        return answer(text + (isCut ? "\n… (cut off here: ask with a smaller limit)" : ""), "view", document)
    }

    private static func without(_ found: JSONValue) -> JSONValue {
        .object((found.object ?? [:]).filter { $0.key != "messages" })
    }

    private static func answer(_ text: String, _ action: String, _ document: JSONValue) -> ToolAnswer {
        ToolAnswer(text, (document.object ?? [:]).merging(["action": .string(action)]) { $1 })
    }
}
