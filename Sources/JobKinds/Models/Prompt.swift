internal import JobModel

/// A text for a model, kept as a file in `Prompts/`: a version in its first line, names in double braces where values go.
struct Prompt: Sendable {
    let name: String
    let text: String
    /// What results tell: the version of the file, and of its text, which nobody can forget to change.
    let version: String

    private init(_ name: String, _ bytes: [UInt8]) {
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        let number = lines.first?.split(separator: " ").last ?? "0"
        let text = String(lines.last ?? "")
        self.name = name
        self.text = text.hasSuffix("\n") ? String(text.dropLast()) : text
        version = "\(number)-\(Digest.sha256(text).prefix(8))"
    }

    static let thinkingSystem = Prompt("thinking-system", PackageResources.thinking_system_md)
    static let thinkingFirst = Prompt("thinking-first", PackageResources.thinking_first_md)
    static let thinkingNext = Prompt("thinking-next", PackageResources.thinking_next_md)
    static let lamishSystem = Prompt("lamish-system", PackageResources.lamish_system_md)
    static let deconstruct = Prompt("projection-deconstruct", PackageResources.projection_deconstruct_md)
    static let map = Prompt("projection-map", PackageResources.projection_map_md)
    static let reconstruct = Prompt("projection-reconstruct", PackageResources.projection_reconstruct_md)
    static let stylise = Prompt("projection-stylise", PackageResources.projection_stylise_md)
    static let reflect = Prompt("projection-reflect", PackageResources.projection_reflect_md)
    static let translate = Prompt("translation-translate", PackageResources.translation_translate_md)
    static let drift = Prompt("translation-drift", PackageResources.translation_drift_md)
    static let question = Prompt("maieutic-question", PackageResources.maieutic_question_md)
    static let dialogue = Prompt("maieutic-structure", PackageResources.maieutic_structure_md)
    static let attributes = Prompt("configuration-attributes", PackageResources.configuration_attributes_md)
    static let repair = Prompt("repair", PackageResources.repair_md)

    /// Names in braces, in order.
    var names: [String] {
        text.split(separator: "{{", omittingEmptySubsequences: false).dropFirst().compactMap { part in
            part.firstRange(of: "}}").map { String(part[..<$0.lowerBound]) }
        }
    }

    /// With its values in place. Values are not looked at again: braces in a user's text stay what they are.
    func filled(_ values: [String: String]) -> String {
        var filled = ""
        for (index, part) in text.split(separator: "{{", omittingEmptySubsequences: false).enumerated() {
            guard index > 0, let end = part.firstRange(of: "}}") else {
                filled += index > 0 ? "{{" + part : part
                continue
            }
            filled += (values[String(part[..<end.lowerBound])] ?? "") + part[end.upperBound...]
        }
        return filled
    }
}

extension [Prompt] {
    /// As results show them.
    var versions: JSONValue {
        .object(Dictionary(map { ($0.name, .string($0.version)) }, uniquingKeysWith: { first, _ in first }))
    }
}
