import JobKinds
import JobModel

@testable import ToolServer

/// The kinds of the program, as `GET /kinds` tells them.
enum Kinds {
    static let documents: [JSONValue] = EveryKind.kinds.map { kind in
        ["kind": .string(kind.name), "summary": .string(kind.summary), "input_schema": kind.input.schema]
    }
    static let infos = documents.compactMap(KindInfo.init).filter { $0.name != "webhook" }
    static let table = ToolTable(infos)
}
