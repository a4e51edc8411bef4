/// A stand-in for a Qdrant server, written from the wire reference: collections, payload indexes, upsert, delete by filter, query.
/// Tests script failures, and look at what is stored. A linear list is its index.
import JobModel
import Synchronization
import TestServers

final class StubQdrant: Sendable {
    struct Point: Sendable {
        let vector: [Double]
        let payload: JSONValue
    }

    struct Collection: Sendable {
        var size: Int
        var distance = "Cosine"
        var indexes: [String: String] = [:]
        var points: [String: Point] = [:]
    }

    struct State {
        var key: String?
        var collections: [String: Collection] = [:]
        /// What a write with wait=true reports; the points are stored either way.
        var writeStatus = "completed"
        /// Answers for the next calls whose "METHOD path" has this ending.
        var scripted: [(ending: String, answer: StubResponse)] = []
        /// Larger bodies get the 413 of a proxy in front.
        var maxBody = 32 << 20
        var calls: [String] = []
    }
    let state = Mutex(State())

    var calls: [String] { state.withLock { $0.calls } }
    var collections: [String: Collection] { state.withLock { $0.collections } }

    func answer(_ call: StubRequest) -> StubResponse {
        state.withLock { state in
            state.calls.append("\(call.method) \(call.target)")
            if let key = state.key, call.header("api-key") != key {
                return .text("Must provide an API key or an Authorization bearer token", status: 401)
            }
            if let index = state.scripted.firstIndex(where: { "\(call.method) \(call.path)".hasSuffix($0.ending) }) {
                return state.scripted.remove(at: index).answer
            }
            if call.body.count > state.maxBody { return .text("<html>413</html>", status: 413) }
            guard call.method == "GET" || call.header("content-type") == "application/json" else {
                return Self.error(400, "Content type error")
            }
            let parts = call.path.split(separator: "/").map(String.init)
            guard parts.first == "collections" else { return .text("", status: 404) }
            return Self.route(call, Array(parts.dropFirst()), &state)
        }
    }

    private static func route(_ call: StubRequest, _ parts: [String], _ state: inout State) -> StubResponse {
        guard let name = parts.first else {
            return ok(["collections": .array(state.collections.keys.sorted().map { ["name": .string($0)] })])
        }
        if parts.dropFirst() == ["exists"] { return ok(["exists": .boolean(state.collections[name] != nil)]) }
        if call.method == "PUT", parts.count == 1 { return create(name, call, &state) }
        guard var collection = state.collections[name] else { return error(404, "Not found: Collection `\(name)` doesn't exist!") }
        defer { state.collections[name] = collection }
        switch (call.method, parts.dropFirst().joined(separator: "/")) {
        case ("GET", ""): return describe(collection)
        case ("PUT", "index"): return index(call, &collection)
        case ("PUT", "points"): return upsert(call, &collection, state.writeStatus)
        case ("POST", "points/delete"): return delete(call, &collection, state.writeStatus)
        case ("POST", "points/query"): return query(call, collection)
        default: return .text("", status: 404)
        }
    }

    private static func create(_ name: String, _ call: StubRequest, _ state: inout State) -> StubResponse {
        guard state.collections[name] == nil else { return error(409, "Wrong input: Collection `\(name)` already exists!") }
        guard let size = call.json?["vectors"]?["size"]?.integer, let distance = call.json?["vectors"]?["distance"]?.string else {
            return error(400, "Format error in JSON body")
        }
        guard size > 0 else { return error(422, "Validation error in JSON body: [vectors.size: value 0 invalid]") }
        state.collections[name] = Collection(size: size, distance: distance)
        return ok(true)
    }

    private static func describe(_ collection: Collection) -> StubResponse {
        let vectors: JSONValue = ["size": .integer(Int64(collection.size)), "distance": .string(collection.distance)]
        return ok(["status": "green", "points_count": .integer(Int64(collection.points.count)), "config": ["params": ["vectors": vectors]]])
    }

    private static func index(_ call: StubRequest, _ collection: inout Collection) -> StubResponse {
        guard let field = call.json?["field_name"]?.string, let type = call.json?["field_schema"]?.string else {
            return error(400, "Format error")
        }
        collection.indexes[field] = type
        return ok(["operation_id": 1, "status": "completed"])
    }

    private static func upsert(_ call: StubRequest, _ collection: inout Collection, _ status: String) -> StubResponse {
        guard let points = call.json?["points"]?.array else { return error(400, "Format error in JSON body") }
        for point in points {
            guard let id = point["id"]?.string, id.count == 36, let payload = point["payload"],
                let vector = point["vector"]?.array?.compactMap(\.number), vector.count == collection.size
            else { return error(400, "Wrong input: Vector dimension error: expected dim: \(collection.size)") }
            collection.points[id] = Point(vector: vector, payload: payload)
        }
        return written(call, status)
    }

    private static func delete(_ call: StubRequest, _ collection: inout Collection, _ status: String) -> StubResponse {
        guard let must = call.json?["filter"]?["must"]?.array else { return error(400, "Format error in JSON body") }
        collection.points = collection.points.filter { _, point in !must.allSatisfy { matches($0, point.payload) } }
        return written(call, status)
    }

    private static func written(_ call: StubRequest, _ status: String) -> StubResponse {
        ok(["operation_id": 7, "status": .string(call.query.contains("wait=true") ? status : "acknowledged")])
    }

    private static func matches(_ condition: JSONValue, _ payload: JSONValue) -> Bool {
        let value = condition["key"]?.string.flatMap { payload[$0] }
        if let wanted = condition["match"]?["value"] { return value == wanted }
        if let wanted = condition["match"]?["any"]?.array { return value.map(wanted.contains) ?? false }
        if let bound = condition["range"]?["lt"]?.number { return (value?.number).map { $0 < bound } ?? false }
        return false
    }

    private static func query(_ call: StubRequest, _ collection: Collection) -> StubResponse {
        guard let wanted = call.json?["query"]?.array?.compactMap(\.number), wanted.count == collection.size else {
            return error(400, "Wrong input: Vector dimension error: expected dim: \(collection.size)")
        }
        let must = call.json?["filter"]?["must"]?.array ?? []
        let fitting = collection.points.filter { _, point in must.allSatisfy { matches($0, point.payload) } }
        let scored = fitting.map { (id: $0.key, point: $0.value, score: cosine($0.value.vector, wanted)) }
        let best = scored.sorted { $0.score > $1.score }.prefix(call.json?["limit"]?.integer ?? 10)
        let withPayload = call.json?["with_payload"]?.boolean ?? false
        let points = best.map { hit -> JSONValue in
            ["id": .string(hit.id), "version": 1, "score": .number(hit.score), "payload": withPayload ? hit.point.payload : .null]
        }
        return ok(["points": .array(points)])
    }

    private static func cosine(_ a: [Double], _ b: [Double]) -> Double {
        func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
        return dot(a, b) / (dot(a, a) * dot(b, b)).squareRoot()
    }

    static func ok(_ result: JSONValue) -> StubResponse { .json(200, ["result": result, "status": "ok", "time": 0.001]) }

    static func error(_ status: Int, _ text: String, _ headers: [(String, String)] = []) -> StubResponse {
        .json(status, ["status": ["error": .string(text)], "time": 0.001], headers)
    }
}

/// A ledger's documents, and what it was asked.
final class StubDirectory: DocumentDirectory {
    let known = Mutex<(fitting: [String]?, asked: [DocumentFilter])>(([], []))

    func documents(fitting filter: DocumentFilter, atMost most: Int) async throws(JobFailure) -> [String]? {
        known.withLock { known in
            known.asked.append(filter)
            return known.fitting
        }
    }
}
