import Glibc
import JobKinds
import JobModel
import Testing

/// docs/kinds.md against the code: every kind has its section, every field its row, and no row is without a field.
@Suite struct KindsPageTests {
    private func page() throws -> String {
        let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")
        let file = try #require(fopen("\(root)/docs/kinds.md", "r"))
        defer { fclose(file) }
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&buffer, 1, buffer.count, file)
        return String(decoding: buffer.prefix(count), as: UTF8.self)
    }

    @Test func everyFieldOfEveryKindStandsInIt() throws {
        let sections = try page().split(separator: "\n## `").dropFirst()
        #expect(sections.map { String($0.prefix { $0 != "`" }) } == EveryKind.kinds.map(\.name))
        for (section, kind) in zip(sections, EveryKind.kinds) {
            let rows = section.split(separator: "\n").filter { $0.hasPrefix("| `") }
            #expect(rows.map { String($0.dropFirst(3).prefix { $0 != "`" }) } == kind.input.fields.map(\.name))
            #expect(section.contains("Queue `\(kind.queue)`"))
        }
    }

    @Test func defaultsAreAsItSays() throws {
        for (section, kind) in zip(try page().split(separator: "\n## `").dropFirst(), EveryKind.kinds) {
            for field in kind.input.fields {
                let row = try #require(section.split(separator: "\n").first { $0.hasPrefix("| `\(field.name)` |") })
                if field.isRequired { #expect(row.contains("| required |")) }
                if let standard = field.standard { #expect(row.contains("| `\(standard.string ?? standard.serialized)` |")) }
            }
        }
    }
}
