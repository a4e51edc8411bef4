internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `GET /kinds`, `GET /kinds/{kind}`: what can be submitted here, and with which input.
extension Reception {
    func listKinds(_ exchange: Exchange) throws -> Response {
        Response(["kinds": .array(desk.catalogue.kinds.map(KindDocument.of))])
    }

    func readKind(_ exchange: Exchange) async throws -> Response {
        if let name = exchange.captured.first, desk.catalogue[name] == nil { await desk.refreshKinds() }
        let known = desk.catalogue.kinds.map(\.name)
        guard let name = exchange.captured.first, let kind = desk.catalogue[name] else { throw Problem.unknownKind(naming: known) }
        return Response(KindDocument.of(kind))
    }
}

enum KindDocument {
    static func of(_ kind: JobKind) -> JSONValue {
        .object((kind.registration.object ?? [:]).merging(["registered": .boolean(kind.isRegistered)]) { $1 })
    }
}
