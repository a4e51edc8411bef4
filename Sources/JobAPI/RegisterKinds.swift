internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel

/// `POST /kinds`, `DELETE /kinds/{kind}`: kinds of other programs. What is registered is known everywhere within two seconds, and here at once.
extension Reception {
    func registerKinds(_ exchange: Exchange) async throws -> Response {
        let body = try SubmitJob.accept(await BodyReader.object(of: exchange.request), RegisterKinds.shape)
        var faults: [InputShape.Fault] = []
        let kinds = RegisterKinds.read(body["kinds"]?.array ?? [], &faults)
        guard faults.isEmpty else { throw Problem.invalid(faults) }
        try await desk.register(kinds)
        return Response(["kinds": .array(kinds.map(KindDocument.of))])
    }

    func forgetKind(_ exchange: Exchange) async throws -> Response {
        let name = exchange.captured.first ?? ""
        await desk.refreshKinds()
        guard desk.catalogue[name]?.isRegistered == true else {
            throw Problem.unknownKind(naming: desk.catalogue.registered.map(\.name))
        }
        try await desk.forgetKind(name)
        return Response(status: .noContent)
    }
}

enum RegisterKinds {
    static let mostAtOnce = 50
    static let shape = InputShape([.init("kinds", .array(maxCount: mostAtOnce), required: true, "all kinds of one program")])

    /// Registrations at `#/kinds`; names of kinds may not stand twice.
    static func read(_ given: [JSONValue], _ faults: inout [InputShape.Fault]) -> [JobKind] {
        var kinds: [JobKind] = []
        for (place, registration) in given.enumerated() {
            switch KindRegistration.read(registration) {
            case .success(let kind) where kinds.contains { $0.name == kind.name }:
                faults.append(.init(pointer: "#/kinds/\(place)/kind", detail: "must not stand twice"))
            case .success(let kind): kinds.append(kind)
            case .failure(let found):
                faults += found.list.map { .init(pointer: "#/kinds/\(place)\($0.pointer.dropFirst())", detail: $0.detail) }
            }
        }
        return kinds
    }
}
