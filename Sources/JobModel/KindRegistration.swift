/// A kind as another program registers it, over HTTP or from a worker of its own: bounded here, kept in `job_kinds`, known everywhere.
package enum KindRegistration {
    package static let maxNameBytes = 64
    /// Of one installation: every process holds all of them.
    package static let maxCount = 500

    package static let shape = InputShape([
        .init("kind", .text(maxLength: maxNameBytes), required: true, "its name"),
        .init("summary", .text(maxLength: 300), required: true, "what its jobs do"),
        .init("queue", .text(maxLength: maxNameBytes), "where its jobs wait; its name without one"),
        .init("input_schema", .object, standard: ["type": "object"], "a JSON Schema of its input"),
        .init("max_attempts", .integer(1...100), standard: 3, "attempts before a job fails for good"),
        .init("backoff", .object, "pauses before retries"),
        .init("timeout_seconds", .number(1...86_400), standard: 600, "how long an attempt may take"),
        .init("estimated_seconds", .number(0...86_400), standard: 60, "how long it usually takes"),
        .init("recorded", .boolean, standard: true, "whether its jobs survive the loss of Redis"),
    ])
    package static let backoffShape = InputShape([
        .init("base_seconds", .number(0.001...604_800), required: true, "the first pause"),
        .init("cap_seconds", .number(0.001...604_800), "the longest pause"),
    ])

    /// Members as `GET /kinds/{kind}` shows them, or everything that is wrong with them. Pointers begin with `#`.
    package static func read(_ members: JSONValue) -> Result<JobKind, InputShape.Faults> {
        var faults: [InputShape.Fault] = []
        let fields = accept(members, shape, at: "#", &faults)
        let backoff = fields["backoff"].map { accept($0, backoffShape, at: "#/backoff", &faults) }
        let name = fields["kind"]?.string ?? ""
        let queue = fields["queue"]?.string ?? name
        for (place, word) in [("#/kind", name), ("#/queue", queue)] where faults.isEmpty && !isName(word) {
            faults.append(.init(pointer: place, detail: "must be lower case letters, digits and underscores, and begin with a letter"))
        }
        let schema = fields["input_schema"] ?? [:]
        if faults.isEmpty, let refusal = InputShape.refusal(ofSchema: schema) {
            faults.append(.init(pointer: "#/input_schema", detail: refusal))
        }
        var retry = RetryPolicy(maxAttempts: fields["max_attempts"]?.integer ?? 3)
        if let backoff {
            retry.baseMilliseconds = milliseconds(backoff["base_seconds"])
            retry.capMilliseconds = backoff["cap_seconds"].map(milliseconds) ?? max(retry.baseMilliseconds, retry.capMilliseconds)
            if faults.isEmpty, retry.capMilliseconds < retry.baseMilliseconds {
                faults.append(.init(pointer: "#/backoff/cap_seconds", detail: "must not be less than base_seconds"))
            }
        }
        guard faults.isEmpty else { return .failure(.init(faults)) }
        return .success(
            JobKind(
                name: name, summary: fields["summary"]?.string ?? "", queue: queue, input: InputShape(schema: schema), retry: retry,
                timeoutMilliseconds: milliseconds(fields["timeout_seconds"]), isRecorded: fields["recorded"]?.boolean ?? true,
                estimatedMilliseconds: milliseconds(fields["estimated_seconds"]), isRegistered: true))
    }

    /// Names stand in Redis keys and in the names of streams.
    private static func isName(_ word: String) -> Bool {
        guard let first = word.utf8.first, (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first) else { return false }
        return word.utf8.allSatisfy { (0x61...0x7a).contains($0) || (0x30...0x39).contains($0) || $0 == UInt8(ascii: "_") }
    }

    private static func accept(
        _ given: JSONValue, _ shape: InputShape, at place: String, _ faults: inout [InputShape.Fault]
    ) -> [String: JSONValue] {
        switch shape.accept(given) {
        case .success(let accepted): return accepted.object ?? [:]
        case .failure(let found):
            faults += found.list.map { InputShape.Fault(pointer: place + $0.pointer.dropFirst("#/input".count), detail: $0.detail) }
            return [:]
        }
    }

    /// Bounded by the shape before.
    private static func milliseconds(_ seconds: JSONValue?) -> Int64 {
        (seconds?.number).flatMap { Int64(exactly: ($0 * 1000).rounded()) } ?? 0
    }
}

extension JobKind {
    /// As it is registered, and as `GET /kinds/{kind}` shows it.
    package var registration: JSONValue {
        [
            "kind": .string(name), "summary": .string(summary), "queue": .string(queue),
            "recorded": .boolean(isRecorded), "max_attempts": .integer(Int64(retry.maxAttempts)),
            "backoff": ["base_seconds": seconds(retry.baseMilliseconds), "cap_seconds": seconds(retry.capMilliseconds)],
            "timeout_seconds": seconds(timeoutMilliseconds), "estimated_seconds": seconds(estimatedMilliseconds),
            "input_schema": input.schema,
        ]
    }

    /// To the millisecond: it is read again.
    private func seconds(_ milliseconds: Int64) -> JSONValue {
        milliseconds.isMultiple(of: 1000) ? .integer(milliseconds / 1000) : .number(Double(milliseconds) / 1000)
    }
}
