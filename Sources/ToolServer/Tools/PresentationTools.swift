internal import JobModel

/// Tools for presentations that were made or are being made. create_presentation is in `WorkTools`.
enum PresentationTools {
    static let tools = [list, update]

    private static let list = Tool(
        name: "list_presentations", title: "List presentations",
        description:
            "Presentations, newest first, with their status and subject. subject=\"default\" shows those that nobody has organised yet.",
        input: ArgumentShape([
            .init("subject", .text(maxLength: 200), "only those under this subject; default: not organised"),
            .init("status", .choice(["pending", "processing", "complete", "error"]), "only of this status"),
            .init("user_id", .text(maxLength: 200), "only for this user"), .init("limit", .integer(1...200), standard: 20, "how many"),
            .init("cursor", .text(maxLength: 500), "next_cursor of the page before"),
        ]),
        output: [
            "type": "object", "required": ["presentations"],
            "properties": ["presentations": ["type": "array", "items": ["type": "object"]], "next_cursor": ["type": ["string", "null"]]],
        ], nature: .look
    ) { call throws(ToolFault) in
        let page = try await call.get(
            "api", "presentations",
            query: [
                ("subject", call.text("subject")), ("status", call.text("status")), ("user_id", call.text("user_id")),
                ("limit", String(call.arguments["limit"]?.integer ?? 20)), ("cursor", call.text("cursor")),
            ])
        let found = page["presentations"]?.array ?? []
        let lines = found.isEmpty ? ["No presentation fits."] : ["Presentations"] + found.map(line)
        let next = page["next_cursor"]?.string.map { "list_presentations(cursor=\"\($0)\") shows more." }
        let advice = "Next: " + (next ?? "update_subject(job_id=\"…\", subject=\"biology\") puts one under a subject.")
        return ToolAnswer((lines + ["", advice]).joined(separator: "\n"), page.object ?? [:])
    }

    private static func line(_ presentation: JSONValue) -> String {
        let url = presentation["presenton_url"]?.string.map { " \($0)" } ?? ""
        let why = presentation["error"]?.string.map { ": \($0)" } ?? ""
        let topic = presentation["topic"]?.string ?? ""
        return "- \(presentation["job_id"]?.string ?? "") \(presentation["status"]?.string ?? "")\(why), under "
            + "\(presentation["subject"]?.string ?? "default"): \(topic.prefix(200))\(url)"
    }

    private static let update = Tool(
        name: "update_subject", title: "Put a presentation under a subject",
        description: "Put a presentation under a subject, as in default to biology; subject=\"default\" makes it unorganised again.",
        input: ArgumentShape(
            [
                .init("job_id", .text(maxLength: 100), required: true, "the presentation's id"),
                .init("subject", .text(maxLength: 200), required: true, "the subject it belongs to"),
            ], aliases: ["id": "job_id", "presentation_id": "job_id"]),
        output: [
            "type": "object", "required": ["job_id", "subject"],
            "properties": ["job_id": ["type": "string"], "subject": ["type": "string"], "status": ["type": "string"]],
        ], nature: .change(destroys: false, repeats: true)
    ) { call throws(ToolFault) in
        let subject = call.text("subject") ?? "default"
        let body: JSONValue = ["subject": subject == "default" ? .null : .string(subject)]
        let document: JSONValue
        do throws(ToolFault) {
            document = try await call.ask(DoorRequest("PATCH", "api", "presentations", call.text("job_id") ?? "", body: body)).body
        } catch { throw error.status == 404 ? error.advised("Next: list_presentations() shows the presentations there are.") : error }
        let text = "✓ \(document["topic"]?.string.map { "\"\($0.prefix(200))\"" } ?? "The presentation") is now under \(subject)"
        return ToolAnswer("\(text)\n\nNext: list_presentations(subject=\"\(subject)\") shows what is under it.", document.object ?? [:])
    }
}
