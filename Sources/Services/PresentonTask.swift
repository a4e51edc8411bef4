/// What Presenton says of a deck that it makes, and of one that it has made. Every member but the status may be missing.
package import JobModel

/// A task object. `pending` is both waiting and running; the message is for people and never decides anything.
package struct PresentonTask: Sendable, Equatable {
    package enum Status: Sendable, Equatable {
        case pending
        /// Builds before August 2026 name no paths here.
        case completed(PresentonDeck)
        case failed(status: Int?, detail: String)
    }

    package let status: Status
    package let message: String
    package let created: Int?
    package let remaining: Int?
    package let updatedAt: String

    /// Nil for what is no task object. A status that is unknown to this version counts as pending: its silence ends it.
    package init?(_ json: JSONValue) {
        guard let word = json["status"]?.string else { return nil }
        let data = json["data"]
        message = String((json["message"]?.string ?? "").prefix(200))
        updatedAt = json["updated_at"]?.string ?? ""
        created = PresentonTask.count(data?["created_slides"])
        remaining = PresentonTask.count(data?["remaining_slides"])
        switch word {
        case "completed": status = .completed(PresentonDeck(data ?? .null))
        case "error":
            let detail = json["error"]?["detail"].flatMap(PresentonFailure.text) ?? json["error"]?.string ?? message
            status = .failed(status: json["error"]?["status_code"]?.integer, detail: String(detail.prefix(300)))
        default: status = .pending
        }
    }

    /// 0 to 1 while slides are counted.
    package var fraction: Double? {
        guard let created, let remaining, created + remaining > 0 else { return nil }
        return Double(created) / Double(created + remaining)
    }

    private static func count(_ value: JSONValue?) -> Int? {
        value?.integer.flatMap { (0...100_000).contains($0) ? $0 : nil }
    }

    /// `task-` and 64 hexadecimal digits today. Ids become parts of addresses.
    static func isID(_ text: String) -> Bool {
        (1...200).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                byte == 0x2d || byte == 0x5f || (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
            }
    }

    /// The list is an array, or stands in an object.
    static func rows(_ json: JSONValue?) -> [JSONValue]? {
        json?.array ?? ["tasks", "items", "results", "data"].compactMap { json?[$0]?.array }.first
    }
}

/// Where a deck is: its id, the path of its file, and the page where it is edited; the last two relative to the server's root.
package struct PresentonDeck: Sendable, Equatable {
    package let id: String?
    package let path: String?
    package let editPath: String?

    package init(_ json: JSONValue) {
        func text(_ name: String) -> String? { json[name]?.string.flatMap { $0.isEmpty || $0.utf8.count > 4_096 ? nil : $0 } }
        id = text("presentation_id")
        path = text("path")
        // Builds that name only the id: the editor's page has had this address in all of them.
        editPath = text("edit_path").flatMap(PresentonDeck.page) ?? id.flatMap { PresentonTask.isID($0) ? "/presentation?id=\($0)" : nil }
    }

    /// A path of the server, or a web address: people click on it, and pages make a link of it.
    private static func page(_ text: String) -> String? {
        let isPath = text.hasPrefix("/") && !text.hasPrefix("//")
        guard isPath || text.hasPrefix("http://") || text.hasPrefix("https://") else { return nil }
        return text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7f && $0 != "\\" } ? text : nil
    }
}
