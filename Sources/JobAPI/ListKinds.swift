internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `GET /kinds`, `GET /kinds/{kind}`: what can be submitted here, and with which input.
extension Reception {
    func listKinds(_ exchange: Exchange) throws -> Response {
        Response(["kinds": .array(desk.catalogue.kinds.map(KindDocument.of))])
    }

    func readKind(_ exchange: Exchange) throws -> Response {
        let known = desk.catalogue.kinds.map(\.name)
        guard let name = exchange.captured.first, let kind = desk.catalogue[name] else { throw Problem.unknownKind(naming: known) }
        return Response(KindDocument.of(kind))
    }
}

enum KindDocument {
    static func of(_ kind: JobKind) -> JSONValue {
        [
            "kind": .string(kind.name), "summary": .string(kind.summary), "queue": .string(kind.queue),
            "recorded": .boolean(kind.isRecorded), "max_attempts": .integer(Int64(kind.retry.maxAttempts)),
            "timeout_seconds": .seconds(kind.timeoutMilliseconds), "estimated_seconds": .seconds(kind.estimatedMilliseconds),
            "input_schema": kind.input.schema,
        ]
    }
}
