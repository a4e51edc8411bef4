internal import PostgresWire

/// A statement of which lines may be left out: those that name a `{value}` which is not given. The text is made of constants only;
/// values are bound.
struct ListStatement {
    let text: String
    let parameters: [PostgresValue]

    init(_ template: String, _ given: [String: PostgresValue]) {
        var parameters: [PostgresValue] = []
        var places: [String: Int] = [:]
        var lines: [String] = []
        for line in template.split(separator: "\n") where !line.hasPrefix("--") {
            let names = ListStatement.names(in: line)
            guard names.allSatisfy({ given[$0] != nil }) else { continue }
            var text = String(line)
            for name in names {
                let place = places[name] ?? parameters.count + 1
                if places[name] == nil, let value = given[name] { parameters.append(value) }
                places[name] = place
                text = text.replacing("{\(name)}", with: "$\(place)")
            }
            lines.append(text)
        }
        text = lines.joined(separator: "\n")
        self.parameters = parameters
    }

    private static func names(in line: Substring) -> [String] {
        line.split(separator: "{").dropFirst().map { String($0.prefix { $0 != "}" }) }
    }
}
