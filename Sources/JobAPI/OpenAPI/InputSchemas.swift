internal import JobModel

/// Schemas of request bodies, made of the very shapes that check them.
struct InputSchemas {
    let catalogue: JobCatalogue

    /// By their names among the components.
    var all: [String: JSONValue] {
        var schemas = ofKinds
        schemas["KindAndInput"] = kindAndInput
        schemas["JobSubmission"] = jobSubmission()
        schemas["BatchMember"] = jobSubmission(more: ["idempotency_key": Self.idempotencyKey])
        schemas["BatchSubmission"] = Self.object(
            ["jobs": Self.list(of: "BatchMember", most: SubmitBatch.maxItems)], required: ["jobs"])
        schemas["FlowMember"] = jobSubmission(without: ["unique"], more: Self.properties(of: SubmitFlow.placeShape), required: ["name"])
        schemas["FlowSubmission"] = Self.object(
            Self.properties(of: SubmitFlow.shape).merging(["jobs": Self.list(of: "FlowMember", most: Flow.maxAcceptedJobs)]) { $1 },
            required: ["jobs"])
        schemas["ScheduleSubmission"] = jobSubmission(
            without: ScheduleBody.foreign, more: Self.properties(of: ScheduleBody.shape), required: ["name", "expression"])
        schemas["ScheduleChange"] = change(
            of: Self.properties(of: SubmitJob.shape, without: ScheduleBody.foreign).merging(Self.properties(of: ScheduleBody.shape)) { $1 })
        schemas["ModelJobSubmission"] = modelJobSubmission
        schemas["Feedback"] = feedback
        for kind in ["presentation", "projection", "translation", "maieutic", "configuration"] {
            schemas[Self.sideBySideName(kind)] = sideBySide(kind)
        }
        return schemas.merging(Self.standing) { $1 }
    }

    /// Those that do not depend on the kinds there are.
    private static let standing: [String: JSONValue] = [
        "IngestSubmission": IngestAsync.shape.schema, "DeadLetterFilter": RetryDeadLetters.shape.schema, "Pause": PauseQueue.shape.schema,
        "LimitSetting": .object(
            (LimitDocument.shape.schema.object ?? [:]).merging([
                "properties": .object(properties(of: LimitDocument.shape, nested: ["rate": LimitDocument.rateShape])), "minProperties": 1,
            ]) { $1 }),
        "PresentationMove": required(["subject"], in: orNull("subject", in: SubjectBody.moveShape)),
        "PresentationsMove": required(["ids", "subject"], in: orNull("subject", in: SubjectBody.moveManyShape)),
        "SubjectRename": SubjectBody.renameShape.schema, "SubjectMerge": SubjectBody.mergeShape.schema,
        "WebhookSubmission": object(
            properties(of: WebhookBody.shape, statuses: "statuses").merging(["secret": WebhookBody.secretField.schema]) { $1 },
            required: ["url"]),
        "WebhookChange": object(properties(of: WebhookBody.shape, statuses: "statuses").mapValues(orNull), required: []),
        "SecretRotation": WebhookBody.rotationShape.schema, "Search": SearchBody.shape.schema,
        "KindRegistration": object(
            properties(of: KindRegistration.shape, nested: ["backoff": KindRegistration.backoffShape]), required: ["kind", "summary"]),
        "KindRegistrations": object(["kinds": list(of: "KindRegistration", most: RegisterKinds.mostAtOnce)], required: ["kinds"]),
        "WorkClaim": object(properties(of: ClaimWork.shape).merging(["kinds": kindsOfWorker]) { $1 }, required: ["worker", "kinds"]),
        "WorkReport": HoldWork.reportShape.schema, "StepFinished": HoldWork.stepShape.schema,
        "WorkSettlement": object(properties(of: HoldWork.settleShape, nested: ["error": HoldWork.errorShape]), required: ["status"]),
        "ToolArguments": ["type": "object", "description": "Arguments of the tool: `tools/list` has their schemas."],
    ]

    private static let kindsOfWorker: JSONValue = [
        "type": "array", "minItems": 1, "maxItems": .integer(Int64(RegisterKinds.mostAtOnce)),
        "items": ["anyOf": [["type": "string"], ["$ref": "#/components/schemas/KindRegistration"]]],
    ]
}

// Jobs of every kind.
extension InputSchemas {
    static func inputName(_ kind: String) -> String { "\(kind)_input" }
    static func jobName(_ kind: String) -> String { "\(kind)_job" }
    static func sideBySideName(_ kind: String) -> String { "\(kind)_submission" }

    private var ofKinds: [String: JSONValue] {
        var schemas: [String: JSONValue] = [:]
        for kind in catalogue.kinds {
            var input = kind.input.schema.object ?? [:]
            input["description"] = .string("Input of `\(kind.name)`: \(kind.summary).")
            // Its own root, so that references within it stay there.
            if kind.isRegistered { input["$id"] = .string("/kinds/\(kind.name)/input_schema") }
            schemas[Self.inputName(kind.name)] = .object(input)
            let needsInput = input["required"] != nil || input["anyOf"] != nil
            schemas[Self.jobName(kind.name)] = [
                "type": "object", "required": needsInput ? ["kind", "input"] : ["kind"],
                "properties": [
                    "kind": ["const": .string(kind.name)], "input": ["$ref": .string("#/components/schemas/\(Self.inputName(kind.name))")],
                ],
            ]
        }
        return schemas
    }

    /// The kind says which input fits.
    private var kindAndInput: JSONValue {
        let names = catalogue.kinds.map(\.name)
        let places = names.map { JSONValue.string("#/components/schemas/\(Self.jobName($0))") }
        return [
            "oneOf": .array(places.map { ["$ref": $0] }),
            "discriminator": [
                "propertyName": "kind", "mapping": .object(Dictionary(zip(names, places), uniquingKeysWith: { first, _ in first })),
            ],
        ]
    }

    private func jobSubmission(
        without left: [String] = [], more: [String: JSONValue] = [:], required: [String] = []
    ) -> JSONValue {
        var properties = Self.properties(of: SubmitJob.shape, without: left)
        properties["kind"] = kinds
        var schema = Self.object(properties.merging(more) { $1 }, required: ["kind"] + required).object ?? [:]
        schema["allOf"] = [["$ref": "#/components/schemas/KindAndInput"]]
        return .object(schema)
    }

    private var kinds: JSONValue {
        [
            "type": "string", "enum": .array(catalogue.kinds.map { .string($0.name) }),
            "description": "What the job does: GET /kinds tells of each.",
        ]
    }

    /// What the kind takes and what `POST /jobs` takes in one object.
    private func sideBySide(_ kind: String) -> JSONValue {
        let input = catalogue[kind]?.input ?? InputShape([])
        let options = Self.properties(of: SubmitJob.shape, without: ["kind", "input"])
        var schema = input.schema.object ?? [:]
        schema["properties"] = .object(options.merging(Self.properties(of: input)) { $1 })
        return .object(schema)
    }

    /// Every model kind's fields beside each other, under our names and those of clients of Ollama queues.
    private var modelJobSubmission: JSONValue {
        let kinds = catalogue.kinds.filter { $0.queue == ModelJobWords.queue }
        let names: JSONValue = ["type": "string", "enum": .array(kinds.map { .string($0.name) })]
        var properties = Self.properties(of: SubmitJob.shape, without: ["kind", "input"])
        for kind in kinds {
            for (name, schema) in Self.properties(of: kind.input) where properties[name] != schema {
                properties[name] = properties[name].map { ["anyOf": [$0, schema]] } ?? schema
            }
        }
        properties["kind"] = names
        properties["agent"] = ["type": "string", "description": "Who asks; kept in the metadata."]
        for (theirs, ours) in ClientWords.table { properties[theirs] = properties[ours] }
        properties["input"] = ["description": "Text or texts: of `embedding` alone."]
        var schema = Self.object(properties, required: []).object ?? [:]
        schema["anyOf"] = [["required": ["kind"]], ["required": ["jobType"]]]
        schema["description"] = "The fields of the kind and the members of `POST /jobs` side by side: `<kind>_input` says which it takes."
        return .object(schema)
    }

    private var feedback: JSONValue {
        let kinds = catalogue.kinds.filter { $0.queue == FeedbackBody.queue }.map(\.name)
        var properties = Self.properties(of: FeedbackBody.shape(kinds))
        for (theirs, ours) in ClientWords.table where properties[ours] != nil { properties[theirs] = properties[ours] }
        return Self.object(properties, required: ["score"])
    }

    /// Members that are given replace those that are there, null takes one away.
    private func change(of properties: [String: JSONValue]) -> JSONValue {
        var properties = properties
        properties["kind"] = kinds
        return Self.object(properties.mapValues(Self.orNull), required: [])
    }
}

// Parts.
extension InputSchemas {
    private static let idempotencyKey: JSONValue = [
        "type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$", "description": "The `Idempotency-Key` of this job.",
    ]
    private static let ofSubmissions = [
        "backoff": SubmissionOptions.backoffShape, "unique": SubmissionOptions.uniqueShape, "webhook": SubmissionOptions.webhookShape,
    ]

    /// The schema of each member; `nested` are shapes of members that are objects of their own.
    private static func properties(
        of shape: InputShape, without left: [String] = [], nested: [String: InputShape] = ofSubmissions, statuses: String? = nil
    ) -> [String: JSONValue] {
        var properties: [String: JSONValue] = [:]
        for field in shape.fields where !left.contains(field.name) {
            var schema = field.schema.object ?? [:]
            if case .object = field.type, let inner = nested[field.name] { schema.merge(inner.schema.object ?? [:]) { $1 } }
            if field.name == "run_at" { schema["format"] = "date-time" }
            if field.name == statuses {
                schema["items"] = ["type": "string", "enum": .array(Webhook.ends.map { .string($0.rawValue) })]
                schema["uniqueItems"] = true
                schema["minItems"] = 1
            }
            properties[field.name] = .object(schema)
        }
        return properties
    }

    private static func object(_ properties: [String: JSONValue], required: [String]) -> JSONValue {
        var schema: [String: JSONValue] = ["type": "object", "additionalProperties": false, "properties": .object(properties)]
        if !required.isEmpty { schema["required"] = .array(required.map(JSONValue.string)) }
        return .object(schema)
    }

    private static func list(of component: String, most: Int) -> JSONValue {
        [
            "type": "array", "minItems": 1, "maxItems": .integer(Int64(most)),
            "items": ["$ref": .string("#/components/schemas/\(component)")],
        ]
    }

    private static func orNull(_ schema: JSONValue) -> JSONValue { ["anyOf": [schema, ["type": "null"]]] }

    private static func orNull(_ member: String, in shape: InputShape) -> JSONValue {
        var properties = properties(of: shape)
        properties[member] = properties[member].map(orNull)
        return object(properties, required: [])
    }

    private static func required(_ names: [String], in schema: JSONValue) -> JSONValue {
        .object((schema.object ?? [:]).merging(["required": .array(names.map(JSONValue.string))]) { $1 })
    }
}
