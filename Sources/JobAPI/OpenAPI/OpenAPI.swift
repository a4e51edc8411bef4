internal import HTTPTypes
package import JobModel

/// The OpenAPI 3.1 document of the API, made of the tables that the API itself goes by: routes, access, queries, input shapes, problems.
package enum OpenAPI {
    /// Cost: some milliseconds; whoever serves it keeps it.
    package static func document(version: String, catalogue: JobCatalogue) -> JSONValue {
        let operations = Routes.table.compactMap { route in
            Operation.byRoute[route.spelled].map { DescribedRoute(route: route, operation: $0, catalogue: catalogue) }
        }
        return [
            "openapi": "3.1.1", "jsonSchemaDialect": "https://spec.openapis.org/oas/3.1/dialect/base",
            "info": [
                "title": "Tidewheel", "version": .string(version), "summary": "Runs long work for other services.",
                "description": .string(introduction),
            ],
            "servers": [["url": "/", "description": "Where this document came from."]],
            "tags": .array(Operation.Tag.allCases.map { ["name": .string($0.rawValue), "description": .string($0.meaning)] }),
            "paths": paths(operations), "webhooks": ["jobEnded": ["post": EndedJob.operation]],
            "components": [
                "schemas": .object(schemas(catalogue)), "responses": .object(responses(operations)), "headers": headers,
                "securitySchemes": ["apiKey": ["type": "http", "scheme": "bearer", "description": .string(keys)]],
            ],
        ]
    }

    private static func paths(_ operations: [DescribedRoute]) -> JSONValue {
        var paths: [String: [String: JSONValue]] = [:]
        for one in operations { paths[one.route.path, default: [:]][one.route.method.rawValue.lowercased()] = one.document }
        return .object(paths.mapValues(JSONValue.object))
    }

    private static func schemas(_ catalogue: JobCatalogue) -> [String: JSONValue] {
        InputSchemas(catalogue: catalogue).all.merging(AnswerShape.byName.mapValues(\.schema)) { $1 }.merging(EndedJob.schemas) { $1 }
    }

    /// Problems of routes: many routes share them.
    private static func responses(_ operations: [DescribedRoute]) -> [String: JSONValue] {
        let groups = operations.flatMap(\.problems)
        return Dictionary(groups.map { ($0.name, $0.document) }, uniquingKeysWith: { first, _ in first })
    }

    private static let headers: JSONValue = .object(
        Dictionary(
            ResponseHeader.ofMost.map { ($0.rawValue, $0.document(isRequired: $0 == .requestID)) }, uniquingKeysWith: { first, _ in first })
    )

    private static let introduction = """
        Long work is answered at once with `202 Accepted`; the job is then polled, held (`Prefer: wait=N`), or followed as a stream of events. \
        Bodies are JSON in UTF-8, at most 1 MiB, without unknown members. Every error is an RFC 9457 document (`Problem`) whose `type` programs \
        compare and whose `detail` says what to do. HEAD is answered wherever GET is. `X-Request-ID` is taken from the request or made, and is \
        in every answer.
        """
    private static let keys = """
        `Authorization: Bearer twk_…`, where the API asks for keys: on this machine alone it does not. A route says which scope it needs: `read`, \
        `submit` or `manage`; where two are listed one is enough, and `submit` is then enough for jobs that were submitted with the same key.
        """
}

extension Route {
    var spelled: String { "\(method.rawValue) \(path)" }
}

/// One route with all that is known of it.
struct DescribedRoute {
    let route: Route
    let operation: Operation
    let catalogue: JobCatalogue

    var problems: [ProblemResponse] {
        ProblemsOfRoute.byStatus(route, operation).map { ProblemResponse(status: $0.status, problems: $0.problems) }
    }

    var document: JSONValue {
        var document: [String: JSONValue] = [
            "operationId": .string(operation.id), "tags": [.string(operation.tag.rawValue)],
            "summary": .string(route.summary.prefix(1).uppercased() + route.summary.dropFirst()),
            "description": .string(operation.description), "responses": .object(responses), "security": security,
        ]
        let parameters = captured + operation.query + operation.headers
        if !parameters.isEmpty { document["parameters"] = .array(parameters.map(\.document)) }
        document["requestBody"] = operation.body?.document
        return .object(document)
    }

    private var captured: [Parameter] {
        route.path.split(separator: "/").filter { $0.hasPrefix("{") }.map {
            Parameter.path(String($0.dropFirst().dropLast()), in: route.path, catalogue)
        }
    }

    /// Any one of the scopes is enough.
    private var security: JSONValue { .array(route.access.scopes.map { ["apiKey": [.string($0.rawValue)]] }) }

    private var responses: [String: JSONValue] {
        var responses: [String: JSONValue] = [:]
        for group in problems { responses["\(group.status)"] = ["$ref": .string("#/components/responses/\(group.name)")] }
        for answer in operation.answers {
            let problem = problems.first { $0.status == answer.status }?.document["content"]?.object ?? [:]
            var document = answer.document(isMetered: !route.access.scopes.isEmpty).object ?? [:]
            if !problem.isEmpty { document["content"] = .object((document["content"]?.object ?? [:]).merging(problem) { own, _ in own }) }
            responses["\(answer.status)"] = .object(document)
        }
        if operation.asksOthers { for range in ["4XX", "5XX"] { responses[range] = ProblemResponse.any } }
        return responses
    }
}

/// What a route may answer with one status, of all problems that have it.
struct ProblemResponse {
    let status: Int
    let problems: [Problem]

    /// Of routes that ask others.
    static let any: JSONValue = [
        "description": "Any problem of the routes that it asks.",
        "content": ["application/problem+json": ["schema": ["$ref": "#/components/schemas/Problem"]]],
    ]

    private var types: [String] { Set(problems.map(\.type)).sorted() }

    /// Among the components: routes with the same problems share them.
    var name: String { "\(status).\(types.joined(separator: "."))" }

    var document: JSONValue {
        let examples = problems.map { ($0.type, JSONValue.object(["summary": .string($0.title), "value": example($0)])) }
        let urns = types.map { JSONValue.string("urn:tidewheel:problem:\($0)") }
        return [
            "description": .string(types.map { "`\($0)`" }.joined(separator: " ")), "headers": .object(headers),
            "content": [
                "application/problem+json": [
                    "schema": [
                        "allOf": [
                            ["$ref": "#/components/schemas/Problem"], ["type": "object", "properties": ["type": ["enum": .array(urns)]]],
                        ]
                    ], "examples": .object(Dictionary(examples, uniquingKeysWith: { first, _ in first })),
                ]
            ],
        ]
    }

    private func example(_ problem: Problem) -> JSONValue {
        problem.document(requestID: "7a1d6c4e0b", path: "/jobs/\(AnswerShape.exampleID)")
    }

    private var headers: [String: JSONValue] {
        var headers: [String: JSONValue] = [:]
        for header in ResponseHeader.ofMost { headers[header.rawValue] = header.reference }
        for header in [ResponseHeader.retryAfter, .allow, .authenticate] {
            let having = problems.count { $0.headers[named: header.rawValue] != nil }
            if having > 0 { headers[header.rawValue] = header.document(isRequired: having == problems.count) }
        }
        return headers
    }
}

extension RouteAnswer {
    func document(isMetered: Bool) -> JSONValue {
        var all: [String: JSONValue] = [:]
        for header in isMetered ? ResponseHeader.ofMost : [.requestID] { all[header.rawValue] = header.reference }
        for header in headers { all[header.rawValue] = header.document(isRequired: header.isAlways) }
        var document: [String: JSONValue] = ["description": .string(meaning), "headers": .object(all)]
        var content: [String: JSONValue] = [:]
        for one in media {
            var body: [String: JSONValue] = ["schema": ["type": "string"]]
            body["example"] = one.example
            content[one.type] = .object(body)
        }
        if let shape = shape.flatMap({ AnswerShape.byName[$0] }) {
            content["application/json"] = [
                "schema": ["$ref": .string("#/components/schemas/\(shape.name)")], "example": shape.example(among: AnswerShape.byName),
            ]
            document["links"] = Links.from(shape.name)
        }
        if !content.isEmpty { document["content"] = .object(content) }
        return .object(document)
    }
}

extension Operation.Body {
    var document: JSONValue {
        switch self {
        case .json(let name, let example): Self.json(name, example, isRequired: true)
        case .optional(let name, let example): Self.json(name, example, isRequired: false)
        case .file: ["required": true, "content": ["application/octet-stream": ["schema": ["type": "string", "format": "binary"]]]]
        case .other(let document): document
        }
    }

    private static func json(_ name: String, _ example: JSONValue, isRequired: Bool) -> JSONValue {
        [
            "required": .boolean(isRequired),
            "content": [
                "application/json": ["schema": ["$ref": .string("#/components/schemas/\(name)")], "example": example]
            ],
        ]
    }
}

extension ResponseHeader {
    /// In the answers of all routes that ask for a key.
    static let ofMost: [ResponseHeader] = [.requestID, .rateLimitPolicy, .rateLimit]

    var reference: JSONValue { ["$ref": .string("#/components/headers/\(rawValue)")] }
}
