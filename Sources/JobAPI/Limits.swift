internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `/limits`: what may run at once or start in a time, in the whole fleet. PUT says everything of one limit; what it leaves out does not stay.
extension Reception {
    func listLimits(_ exchange: Exchange) async throws -> Response {
        Response(["limits": .array(try await desk.limits().map(LimitDocument.of))])
    }

    func setLimit(_ exchange: Exchange) async throws -> Response {
        let (scope, name) = try LimitDocument.address(exchange)
        let limit = try LimitDocument.limit(scope, name, try await BodyReader.object(of: exchange.request))
        exchange.notes.add(["limit": LimitDocument.of(limit)])
        do throws(DeskError) {
            try await desk.set(limit)
        } catch {
            // The name stands in the path, and a path that names nothing is 404.
            if case .unknownKind(_, let known) = error { throw Problem.unknownKind(naming: known) }
            throw error
        }
        return Response(LimitDocument.of(limit))
    }

    func removeLimit(_ exchange: Exchange) async throws -> Response {
        let (scope, name) = try LimitDocument.address(exchange)
        guard try await desk.removeLimit(scope, name) else { throw Problem.unknownLimit }
        return Response(status: .noContent)
    }
}

enum LimitDocument {
    private static let most = 1_000_000
    static let shape = InputShape([
        .init("concurrency", .integer(1...most), "jobs at once"),
        .init("rate", .object, "starts in a time"),
        .init("weight", .integer(1...1_000), "a key's share of the turns"),
    ])
    static let rateShape = InputShape([
        .init("count", .integer(1...most), required: true, "starts"),
        .init("per_seconds", .number(0.001...86_400), required: true, "in so many seconds"),
        .init("burst", .integer(1...most), "starts at once after a pause"),
    ])

    static func of(_ limit: Limit) -> JSONValue {
        var document: [String: JSONValue] = ["scope": .string(limit.scope.rawValue), "name": .string(limit.name)]
        document["concurrency"] = limit.concurrency.map { .integer(Int64($0)) }
        document["rate"] = limit.rate.map { rate in
            [
                "count": .integer(Int64(rate.count)), "per_seconds": .number(Double(rate.perMilliseconds) / 1000),
                "burst": .integer(Int64(rate.burst)),
            ]
        }
        if limit.scope == .key { document["weight"] = .integer(Int64(limit.weight)) }
        return .object(document)
    }

    static func address(_ exchange: Exchange) throws(Problem) -> (Limit.Scope, String) {
        guard exchange.captured.count == 2, let scope = Limit.Scope(rawValue: exchange.captured[0]) else { throw .unknownRoute }
        guard let name = decoded(exchange.captured[1]), SubmissionOptions.isVisible(name), name.utf8.count <= SubmissionOptions.maxKeyBytes
        else { throw .badName }
        return (scope, name)
    }

    static func limit(_ scope: Limit.Scope, _ name: String, _ body: [String: JSONValue]) throws(Problem) -> Limit {
        let fields = try SubmitJob.accept(body, shape)
        var faults: [InputShape.Fault] = []
        let rate = rate(fields["rate"], &faults)
        let weight = fields["weight"]?.integer
        if scope != .key, weight != nil { faults.append(.init(pointer: "#/weight", detail: "is only for keys")) }
        if fields["concurrency"] == nil, fields["rate"] == nil, weight == nil {
            faults.append(.init(pointer: "#", detail: "must have at least one of: concurrency, rate, weight"))
        }
        guard faults.isEmpty else { throw .invalid(faults) }
        let standard = scope == .key ? Limit.standardKeyConcurrency : nil
        return Limit(scope: scope, name: name, concurrency: fields["concurrency"]?.integer ?? standard, rate: rate, weight: weight ?? 1)
    }

    private static func rate(_ given: JSONValue?, _ faults: inout [InputShape.Fault]) -> Limit.Rate? {
        guard let given, let fields = SubmitJob.accept(given, rateShape, at: "#/rate", &faults),
            let count = fields["count"]?.integer, let per = SubmitJob.milliseconds(fields["per_seconds"])
        else { return nil }
        return Limit.Rate(count: count, perMilliseconds: max(1, per), burst: fields["burst"]?.integer ?? count)
    }

    /// A path segment without its percent signs; nil for one that is no text.
    private static func decoded(_ segment: String) -> String? {
        var bytes: [UInt8] = []
        var rest = Array(segment.utf8)[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard rest.count >= 2, let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16) else { return nil }
            bytes.append(code)
            rest = rest.dropFirst(2)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
