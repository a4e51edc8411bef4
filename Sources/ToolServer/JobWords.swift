internal import JobModel

/// A job in the words that its users know: pending and running, and numbers as people read them.
struct JobView: Sendable {
    /// What `GET /jobs/{id}` answered.
    let document: JSONValue

    var id: String { document["job_id"]?.string ?? "" }
    var kind: String { document["kind"]?.string ?? "" }
    var state: String { document["status"]?.string ?? "" }
    var hasEnded: Bool { ["completed", "failed", "cancelled"].contains(state) }
    var percent: Double { document["progress"]?.number ?? 0 }
    var error: String { document["error"]?.string ?? (state == "cancelled" ? "the job was cancelled" : "no reason was given") }
    var word: String { JobView.word(state) }

    static func word(_ state: String) -> String {
        switch state {
        case "waiting", "scheduled", "queued": "pending"
        case "processing": "running"
        default: state
        }
    }

    /// The states that a word of the callers' or ours means.
    static func states(_ word: String) -> [String] {
        switch word {
        case "pending": ["waiting", "scheduled", "queued"]
        case "running": ["processing"]
        default: [word]
        }
    }

    static let words = ["pending", "running", "waiting", "scheduled", "queued", "processing", "completed", "failed", "cancelled"]

    /// The number of its last event: what is watched from here on.
    var lastEvent: Int64? { document["events"]?.array?.compactMap { $0["seq"]?.integer }.max().map(Int64.init) }

    /// ⏳ while it lives, ✅ when it is done, ❌ when it failed.
    var mark: String {
        switch state {
        case "completed": "✅"
        case "failed": "❌"
        case "cancelled": "🚫"
        default: "⏳"
        }
    }

    /// The seeds' lines.
    var progressText: String {
        var lines = ["\(mark) Job Progress: \(id)", "- Status: \(word)", "- Progress: \(Spelling.short(percent))%"]
        let elapsed = Spelling.oneDecimal(document["elapsed_seconds"]?.number ?? 0)
        switch state {
        case "completed": lines.append("- Total Time: \(elapsed)s")
        case "failed": lines.append("- Error: \(error)")
        case "cancelled": lines.append("- Cancelled at: \(document["cancelled_at"]?.string ?? "")")
        default:
            lines.append("- Elapsed Time: \(elapsed)s")
            if let left = document["remaining_seconds"]?.number { lines.append("- Estimated Remaining: ~\(Spelling.oneDecimal(left))s") }
            if let place = document["queue_position"]?.integer { lines.append("- Queue Position: \(place)") }
            if let text = document["message"]?.string ?? document["step"]?.string { lines.append("- Now: \(text)") }
        }
        return lines.joined(separator: "\n") + "\n\n" + next
    }

    /// The next call to make.
    var next: String {
        switch state {
        case "completed": "Next: get_job_result(job_id=\"\(id)\") returns the result."
        case "failed", "cancelled": "Next: retry_job(job_id=\"\(id)\") queues it again, once what went wrong is mended."
        default:
            "Next: get_job_progress(job_id=\"\(id)\") in a few seconds, or get_job_result(job_id=\"\(id)\", wait_seconds=60) to wait for the result."
        }
    }

    /// One line of a list.
    var line: String {
        let title = document["title"]?.string.map { " — \($0)" } ?? ""
        let how = state == "processing" ? " \(Spelling.short(percent))%" : state == "failed" ? ": \(error)" : ""
        return "- \(id) \(kind): \(word)\(how)\(title)"
    }

    /// What programs get of it: everything but the result, and the latest of its events.
    var content: [String: JSONValue] {
        var content = document.object ?? [:]
        content["result"] = nil
        content["events"] = content["events"]?.array.map { .array(Array($0.suffix(10))) }
        return content
    }

    static let schema: JSONValue = [
        "type": "object", "required": ["job_id", "status", "progress"],
        "properties": [
            "job_id": ["type": "string"], "kind": ["type": "string"],
            "status": ["type": "string", "enum": ["waiting", "scheduled", "queued", "processing", "completed", "failed", "cancelled"]],
            "progress": ["type": "number", "minimum": 0, "maximum": 100], "message": ["type": "string"], "error": ["type": "string"],
            "elapsed_seconds": ["type": "number"], "remaining_seconds": ["type": "number"], "attempt": ["type": "integer"],
            "created_at": ["type": "string"], "metadata": ["type": "object"], "events": ["type": "array"],
        ],
    ]
}

/// Numbers and JSON for people.
enum Spelling {
    static func oneDecimal(_ value: Double) -> String {
        guard value.isFinite, let tenths = Int64(exactly: (value * 10).rounded()) else { return "0.0" }
        let whole = abs(tenths)
        return (tenths < 0 ? "-" : "") + "\(whole / 10).\(whole % 10)"
    }

    /// 35 for 35.0, 16.7 for 16.7.
    static func short(_ value: Double) -> String {
        let text = oneDecimal(value)
        return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
    }

    /// JSON over several lines, keys sorted.
    static func pretty(_ value: JSONValue, _ indent: String = "") -> String {
        let deeper = indent + "  "
        switch value {
        case .object(let members) where !members.isEmpty:
            let lines = members.sorted { $0.key < $1.key }.map {
                "\(deeper)\(JSONValue.string($0.key).serialized): \(pretty($0.value, deeper))"
            }
            return "{\n" + lines.joined(separator: ",\n") + "\n\(indent)}"
        case .array(let values) where values.contains { $0.object != nil || $0.array != nil }:
            return "[\n" + values.map { deeper + pretty($0, deeper) }.joined(separator: ",\n") + "\n\(indent)]"
        default: return value.serialized
        }
    }

    /// The beginning of a text that is too long, and whether it was.
    static func beginning(_ text: String, of most: Int) -> (text: String, isCut: Bool) {
        guard text.utf8.count > most else { return (text, false) }
        var bytes = 0
        return (
            String(
                text.unicodeScalars.prefix {
                    bytes += UTF8.width($0); return bytes <= most
                }), true
        )
    }
}
