/// What a kind accepts: one declaration that checks submissions, fills in defaults and describes the kind to people and tools.
package struct InputShape: Sendable {
    package enum FieldType: Sendable {
        case text(maxLength: Int)
        /// An http or https URL of at most 8,192 bytes.
        case url
        /// An http or https URL, `upload:<id>` with an id of our making, or `file:<path>`.
        case documentAddress
        case integer(ClosedRange<Int>)
        case number(ClosedRange<Double>)
        case boolean
        case choice([String])
        case texts(minCount: Int = 0, maxCount: Int, maxLength: Int)
        case object
        /// Values of any kind, which the caller looks at.
        case array(maxCount: Int)
        /// One text, or several.
        case textOrTexts(maxCount: Int, maxLength: Int)
        /// What is said to a model: objects with `role` and `content`, together at most so many bytes.
        case messages(maxCount: Int, maxBytes: Int)
        /// See `ModelOptions`.
        case modelOptions
        /// See `Thinking`.
        case thinking
        /// A JSON Schema of an object or an array, as `JSONSchema` reads it.
        case schema(maxBytes: Int)
    }

    package struct Field: Sendable {
        package let name: String
        package let type: FieldType
        package let isRequired: Bool
        package let standard: JSONValue?
        package let meaning: String

        /// `standard` is the value where the caller gives none.
        package init(_ name: String, _ type: FieldType, required: Bool = false, standard: JSONValue? = nil, _ meaning: String) {
            self.name = name
            self.type = type
            self.isRequired = required
            self.standard = standard
            self.meaning = meaning
        }
    }

    /// One thing wrong with an input, with the JSON pointer to it.
    package struct Fault: Error, Hashable, Sendable {
        package let pointer: String
        package let detail: String

        package init(pointer: String, detail: String) {
            self.pointer = pointer
            self.detail = detail
        }
    }

    package let fields: [Field]
    /// At least one of these must be given.
    let oneOf: [String]
    /// A JSON Schema in place of fields: kinds of other programs are declared so.
    let foreign: JSONValue?
    package var isForeign: Bool { foreign != nil }

    package init(_ fields: [Field], oneOf: [String] = []) {
        self.fields = fields
        self.oneOf = oneOf
        foreign = nil
    }

    /// What another program declared; see `KindRegistration` for what it may be.
    package init(schema: JSONValue) {
        fields = []
        oneOf = []
        foreign = schema
    }

    /// The input with its defaults filled in, or everything that is wrong with it.
    package func accept(_ input: JSONValue) -> Result<JSONValue, Faults> {
        if let foreign { return InputShape.accept(input, foreign) }
        guard var members = input.object else { return .failure(Faults([Fault(pointer: "#/input", detail: "must be an object")])) }
        var faults: [Fault] = []
        for name in members.keys.filter({ name in !fields.contains { $0.name == name } }).sorted() {
            faults.append(Fault(pointer: "#/input/\(name.prefix(100))", detail: "is not a field of this kind"))
        }
        for field in fields {
            let value = members[field.name]
            if let value, !value.isNull {
                faults += field.type.faults(of: value, at: "#/input/\(field.name)")
                continue
            }
            // Written only where it changes something: most inputs are handed on as they are, and not copied.
            if value != nil || field.standard != nil { members[field.name] = field.standard }
            if field.isRequired { faults.append(Fault(pointer: "#/input/\(field.name)", detail: "is required")) }
        }
        if let first = oneOf.first, oneOf.allSatisfy({ members[$0] == nil }) {
            let others = oneOf.dropFirst().joined(separator: " and no ")
            faults.append(Fault(pointer: "#/input/\(first)", detail: "is required where there is no \(others)"))
        }
        return faults.isEmpty ? .success(.object(members)) : .failure(Faults(faults))
    }

    package struct Faults: Error, Sendable {
        package let list: [Fault]

        package init(_ list: [Fault]) {
            self.list = list
        }
    }
}

extension InputShape.FieldType {
    /// Why a value does not fit; nil where it does.
    package func refusal(of value: JSONValue) -> String? {
        switch self {
        case .text(let maxLength): InputShape.FieldType.refusal(ofText: value, maxLength: maxLength)
        case .url: InputShape.FieldType.refusal(ofURL: value)
        case .documentAddress: InputShape.FieldType.refusal(ofDocumentAddress: value)
        case .integer(let range):
            value.integer.map(range.contains) == true ? nil : "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
        case .number(let range):
            value.number.map(range.contains) == true ? nil : "must be a number from \(range.lowerBound) to \(range.upperBound)"
        case .boolean: value.boolean == nil ? "must be true or false" : nil
        case .choice(let words): value.string.map(words.contains) == true ? nil : "must be one of: \(words.joined(separator: ", "))"
        case .texts(let minCount, let maxCount, let maxLength):
            value.array.map { $0.count < minCount } == true
                ? "must have at least \(minCount) element\(minCount == 1 ? "" : "s")"
                : InputShape.FieldType.refusal(ofTexts: value, maxCount: maxCount, maxLength: maxLength)
        case .object: value.object == nil ? "must be an object" : nil
        case .array(let maxCount):
            (value.array.map { (1...maxCount).contains($0.count) }) == true ? nil : "must be an array of 1 to \(maxCount) elements"
        case .textOrTexts(let maxCount, let maxLength):
            if value == [] {
                "must not be empty"
            } else if value.string == nil {
                InputShape.FieldType.refusal(ofTexts: value, maxCount: maxCount, maxLength: maxLength, "a string or an array of strings")
            } else {
                InputShape.FieldType.refusal(ofText: value, maxLength: maxLength)
            }
        case .messages, .modelOptions, .thinking, .schema: faults(of: value, at: "").first.map { "\($0.pointer) \($0.detail)" }
        }
    }

    /// Everything that does not fit, each at its place.
    package func faults(of value: JSONValue, at pointer: @autoclosure () -> String) -> [InputShape.Fault] {
        switch self {
        case .messages(let maxCount, let maxBytes):
            ModelInput.faults(ofMessages: value, maxCount: maxCount, maxBytes: maxBytes, at: pointer())
        case .modelOptions: ModelInput.faults(ofOptions: value, at: pointer())
        case .thinking: ModelInput.thinking(value) == nil ? [.init(pointer: pointer(), detail: ModelInput.thinkingWords)] : []
        case .schema(let maxBytes): ModelInput.faults(ofSchema: value, maxBytes: maxBytes, at: pointer())
        default: refusal(of: value).map { [.init(pointer: pointer(), detail: $0)] } ?? []
        }
    }

    private static func refusal(ofText value: JSONValue, maxLength: Int) -> String? {
        guard let text = value.string else { return "must be a string" }
        guard !text.isEmpty else { return "must not be empty" }
        return text.utf8.count <= maxLength ? nil : "must be at most \(maxLength) bytes long"
    }

    private static func refusal(ofURL value: JSONValue) -> String? {
        guard let text = value.string else { return "must be a string" }
        guard text.utf8.count <= 8192 else { return "must be at most 8192 bytes long" }
        let lower = text.lowercased()
        guard lower.hasPrefix("http://") || lower.hasPrefix("https://") else { return "must be an http or https URL" }
        let host = lower.drop { $0 != "/" }.dropFirst(2).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard !host.isEmpty, !text.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7f }) else {
            return "must be an http or https URL with a host"
        }
        return host.contains("@") ? "must not hold a user name or password" : nil
    }

    private static func refusal(ofDocumentAddress value: JSONValue) -> String? {
        if let refusal = refusal(ofText: value, maxLength: 8192) { return refusal }
        let address = value.string ?? ""
        switch address.prefix(while: { $0 != ":" }).lowercased() {
        case "http", "https": return refusal(ofURL: value)
        case "upload" where JobID(String(address.dropFirst("upload:".count))) == nil:
            return "must have the id that POST /uploads answered, as in upload:<id>"
        case "upload", "file": return nil
        default: return "must be an http or https URL, upload:<id> or file:<path>"
        }
    }

    private static func refusal(ofTexts value: JSONValue, maxCount: Int, maxLength: Int, _ what: String = "an array of strings") -> String?
    {
        guard let values = value.array else { return "must be \(what)" }
        guard values.count <= maxCount else { return "must have at most \(maxCount) elements" }
        return values.lazy.compactMap { refusal(ofText: $0, maxLength: maxLength) }.first.map { "has an element that \($0)" }
    }
}
