internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// Subjects are words that presentations are put under. There is a subject as long as something is under it; `default` is what nobody has put
/// anywhere yet. Orders that meet are carried out one after the other; with `from` an order holds only for what is still there.
extension Reception {
    func movePresentation(_ exchange: Exchange) async throws -> Response {
        let id = try exchange.presentationID()
        let order = try SubjectBody.move(await BodyReader.object(of: exchange.request), SubjectBody.moveShape)
        exchange.notes.add(["subject": .string(order.subject)])
        let before = try await desk.presentation(id)
        exchange.notes.add(["was": .string(before.subject)])
        let moved = try await desk.movePresentations([id], to: order.subject, from: order.from)
        let now = try await desk.presentation(id)
        if moved.isEmpty, order.from != nil, now.subject != order.subject { throw Problem.subjectChanged(now) }
        return try await Response(presentationDocument(now))
    }

    func movePresentations(_ exchange: Exchange) async throws -> Response {
        let body = try await BodyReader.object(of: exchange.request)
        let order = try SubjectBody.move(body, SubjectBody.moveManyShape)
        let ids = try SubjectBody.ids(body)
        exchange.notes.add(["subject": .string(order.subject)])
        if let from = order.from { exchange.notes.add(["from": .string(from)]) }
        let moved = SubjectBody.sorted(try await desk.movePresentations(ids, to: order.subject, from: order.from))
        exchange.notes.add(["moved": .integer(Int64(moved.count)), "ids": .array(moved)])
        let known = try await desk.presentations(among: ids)
        return Response([
            "subject": .string(order.subject), "moved": .integer(Int64(moved.count)), "ids": .array(moved),
            "unknown": .array(SubjectBody.sorted(Set(ids).subtracting(known))),
        ])
    }

    func listSubjects(_ exchange: Exchange) async throws -> Response {
        var query = QueryReader(exchange.request.uri.query, allowed: ["cursor", "limit"])
        let after = query.one("cursor", maxBytes: Presentation.maxSubjectBytes)
        let limit = query.number("limit", 1...500, standard: 100)
        try query.finish()
        let found = try await desk.subjects(after: after, limit: limit)
        let next = found.count == limit ? found.last.map { JSONValue.string($0.subject) } : nil
        return Response(["subjects": .array(found.map(SubjectBody.document)), "next_cursor": next ?? .null])
    }

    func renameSubject(_ exchange: Exchange) async throws -> Response {
        let fields = try SubmitJob.accept(await BodyReader.object(of: exchange.request), SubjectBody.renameShape)
        let old = fields["from"]?.string ?? ""
        let new = fields["to"]?.string ?? ""
        if old == new { throw Problem.invalid([InputShape.Fault(pointer: "#/to", detail: "must be another name")]) }
        if let fault = SubjectBody.reserved(old, "#/from") ?? SubjectBody.reserved(new, "#/to") { throw Problem.invalid([fault]) }
        exchange.notes.add(target: old, ["to": .string(new)])
        let moved = try await desk.renameSubject(old, to: new)
        exchange.notes.add(["moved": .integer(Int64(moved))])
        return Response(["subject": .string(new), "moved": .integer(Int64(moved))])
    }

    func mergeSubjects(_ exchange: Exchange) async throws -> Response {
        let fields = try SubmitJob.accept(await BodyReader.object(of: exchange.request), SubjectBody.mergeShape)
        let subjects = fields["from"]?.array?.compactMap(\.string) ?? []
        guard !subjects.isEmpty else { throw Problem.invalid([InputShape.Fault(pointer: "#/from", detail: "must not be empty")]) }
        let into = fields["into"]?.string ?? ""
        exchange.notes.add(target: into, ["from": .array(subjects.map(JSONValue.string))])
        let moved = try await desk.mergeSubjects(subjects.filter { $0 != into }, into: into)
        exchange.notes.add(["moved": .integer(Int64(moved))])
        return Response(["subject": .string(into), "moved": .integer(Int64(moved))])
    }
}

enum SubjectBody {
    static let maxIDs = 1_000

    /// `subject` is not required here: null and nothing are told apart below.
    static let moveShape = InputShape([subject, from])
    static let moveManyShape = InputShape([
        subject, from, .init("ids", .texts(maxCount: maxIDs, maxLength: 36), required: true, "which presentations"),
    ])
    static let renameShape = InputShape([
        .init("from", .text(maxLength: Presentation.maxSubjectBytes), required: true, "its name"),
        .init("to", .text(maxLength: Presentation.maxSubjectBytes), required: true, "its new name"),
    ])
    static let mergeShape = InputShape([
        .init("from", .texts(maxCount: 100, maxLength: Presentation.maxSubjectBytes), required: true, "subjects that go"),
        .init("into", .text(maxLength: Presentation.maxSubjectBytes), required: true, "the one that stays"),
    ])

    private static let subject = InputShape.Field("subject", .text(maxLength: Presentation.maxSubjectBytes), "where to put it")
    private static let from = InputShape.Field("from", .text(maxLength: Presentation.maxSubjectBytes), "only if it is there now")

    /// A subject of null is the unorganised one.
    static func move(
        _ body: [String: JSONValue], _ shape: InputShape
    ) throws(Problem) -> (subject: String, from: String?) {
        let fields = try SubmitJob.accept(body, shape)
        guard body["subject"] != nil else { throw .invalid([InputShape.Fault(pointer: "#/subject", detail: "is required")]) }
        return (fields["subject"]?.string ?? Presentation.unorganised, fields["from"]?.string)
    }

    static func ids(_ body: [String: JSONValue]) throws(Problem) -> [JobID] {
        let texts = body["ids"]?.array?.compactMap(\.string) ?? []
        guard !texts.isEmpty else { throw .invalid([InputShape.Fault(pointer: "#/ids", detail: "must not be empty")]) }
        var ids: [JobID] = []
        for (index, text) in texts.enumerated() {
            guard let id = JobID(text) else {
                throw .invalid([InputShape.Fault(pointer: "#/ids/\(index)", detail: "is not the id of a presentation")])
            }
            ids.append(id)
        }
        return ids
    }

    static func sorted(_ ids: some Sequence<JobID>) -> [JSONValue] { ids.map(\.description).sorted().map(JSONValue.string) }

    /// What is unorganised is no subject to rename; merging moves it.
    static func reserved(_ subject: String, _ pointer: String) -> InputShape.Fault? {
        guard subject == Presentation.unorganised else { return nil }
        return InputShape.Fault(
            pointer: pointer, detail: "must not be \(Presentation.unorganised), the unorganised ones; merge moves those")
    }

    static func document(_ count: SubjectCount) -> JSONValue {
        var document: [String: JSONValue] = [
            "subject": .string(count.subject), "count": .integer(count.total),
            "unorganised": .boolean(count.subject == Presentation.unorganised),
        ]
        for (status, number) in count.counts { document[status.rawValue] = .integer(number) }
        return .object(document)
    }
}
