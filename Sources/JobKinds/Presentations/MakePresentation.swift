/// `presentation`: slides about a topic, made by Presenton. Reads top to bottom; each part is a durable step, so a later attempt goes on where
/// the last one was. Who asks and who follows: `AskOnce.swift`, `FollowDeck.swift`.
package import JobLedger
package import JobModel

package struct MakePresentation: JobHandler {
    package static let kind: JobKind = JobKind(
        name: "presentation", summary: "Makes slides about a topic with Presenton", queue: "presentations",
        input: InputShape([
            .init("topic", .text(maxLength: 10_000), required: true, "what it is about, or the text that it is made from"),
            .init("n_slides", .integer(1...100), standard: 5, "how many slides"),
            .init("user_id", .text(maxLength: 200), "whom it is for; kept in presentation_jobs"),
            .init("language", .text(maxLength: 100), standard: "English", "name of a language"),
            .init("template", .text(maxLength: 200), standard: "general", "Presenton's name of a template"),
            .init("export_as", .choice(["pptx", "pdf"]), standard: "pptx", "what file is made"),
            .init(
                "tone", .choice(["default", "casual", "professional", "funny", "educational", "sales_pitch"]), standard: "default",
                "how it speaks"),
            .init("verbosity", .choice(["concise", "standard", "text-heavy"]), standard: "standard", "how much it says"),
            .init("instructions", .text(maxLength: 10_000), "more for the model"),
            .init("slides_markdown", .texts(maxCount: 100, maxLength: 20_000), "texts of the slides, where they are known"),
            .init("include_title_slide", .boolean, standard: true, "begin with a title slide"),
            .init("include_table_of_contents", .boolean, standard: false, "with a table of contents; needs at least 3 slides"),
            .init("web_search", .boolean, standard: false, "let the model look things up"),
        ]),
        retry: RetryPolicy(maxAttempts: 3, baseMilliseconds: 30_000, capMilliseconds: 600_000),
        timeoutMilliseconds: 3_600_000, estimatedMilliseconds: 960_000)

    package var kind: JobKind { Self.kind }
    private let ledger: JobLedger
    private let decks: DeckRooms?

    package init(ledger: JobLedger, decks: DeckRooms?) {
        self.ledger = ledger
        self.decks = decks
    }

    package func run(in context: JobContext) async throws(JobFailure) -> JSONValue {
        guard let decks else { throw .permanent("There is no Presenton: set PRESENTON_URL", type: "not_configured") }
        let begin = ContinuousClock.now
        let deck = DeckJob(ledger: ledger, decks: decks, context: context)
        let order = Self.order(context.input)

        try await context.progress(1, step: "submit", "asking Presenton for the slides")
        let last = try await deck.lastAsk()
        let number = try await deck.number(after: last)
        let asked = try await context.step("ask-\(number)") { () throws(JobFailure) in try await deck.ask(order, number, last) }
        let made = try await context.step("make-\(number)") { () throws(JobFailure) in
            guard let task = asked["task_id"]?.string else { return try await deck.makeWhileWaiting(order, number) }
            return try await deck.follow(task, number)
        }
        try await context.progress(90, step: "download", "the slides are made")
        let kept = try await context.step("keep-\(number)") { () throws(JobFailure) in try await deck.keep(made) }
        return Self.result(asked, made, kept, since: begin)
    }

    /// In Presenton's words. Whom it is for is nothing to it.
    private static func order(_ input: JSONValue) -> JSONValue {
        var order = input.object ?? [:]
        order["content"] = order.removeValue(forKey: "topic")
        order["user_id"] = nil
        order["trigger_webhook"] = false
        return .object(order)
    }

    private static func result(_ asked: JSONValue, _ made: JSONValue, _ kept: JSONValue, since begin: ContinuousClock.Instant) -> JSONValue
    {
        var result: [String: JSONValue] = [
            "presenton_id": made["presenton_id"] ?? .null, "presenton_url": made["presenton_url"] ?? .null,
            "presenton_path": made["path"] ?? .null, "task_id": asked["task_id"] ?? .null,
            "duration_ms": .integer(begin.duration(to: .now).milliseconds),
        ]
        result["file"] = kept["file"]
        let warnings = [made["warning"], kept["warning"]].compactMap(\.self)
        if !warnings.isEmpty { result["warnings"] = .array(warnings) }
        return .object(result.filter { !$0.value.isNull })
    }
}
