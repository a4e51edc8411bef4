import Glibc
import Testing

/// ARCHITECTURE.md is a walk through files: every one it names exists, and every target, table and key stands in it.
@Suite struct ArchitectureTests {
    private static let root = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

    private func text(_ path: String) throws -> String {
        let file = try #require(fopen("\(ArchitectureTests.root)/\(path)", "r"), "\(path) is missing")
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = fread(&buffer, 1, buffer.count, file), count > 0 { bytes += buffer.prefix(count) }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func names(in path: String) -> [String] {
        guard let directory = opendir("\(ArchitectureTests.root)/\(path)") else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            names.append(withUnsafeBytes(of: entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
        }
        return names.filter { !$0.hasPrefix(".") }.sorted()
    }

    @Test func everyFileItNamesExists() throws {
        let words = try text("ARCHITECTURE.md").split { "` \n|()→,".contains($0) }.map(String.init)
        let paths = words.filter { $0.hasPrefix("Sources/") && $0.contains(".") }
        #expect(paths.count > 15)
        for path in Set(paths) { #expect(access("\(ArchitectureTests.root)/\(path)", F_OK) == 0, "\(path) does not exist") }
    }

    @Test func everyTargetStandsInTheHouse() throws {
        let house = try text("ARCHITECTURE.md")
        for target in names(in: "Sources") { #expect(house.contains(target), "\(target) is missing from ARCHITECTURE.md") }
    }

    @Test func everyTableStandsInIt() throws {
        let architecture = try text("ARCHITECTURE.md")
        let schema = try text("schema.sql").replacing("IF NOT EXISTS ", with: "")
        let tables = schema.split(separator: "CREATE TABLE ").dropFirst().compactMap { $0.split(separator: " ").first }
        #expect(tables.count >= 6)
        for table in tables { #expect(architecture.contains("`\(table)`"), "\(table) is missing from ARCHITECTURE.md") }
    }

    @Test func everyKeyStandsInIt() throws {
        let architecture = try text("ARCHITECTURE.md")
        let words = try text("Sources/JobQueue/Keys.swift").matches(of: /prefix(?: \+ "|\)(?=[a-z]))([a-z]+)/).map { String($0.1) }
        #expect(words.count > 15)
        for word in words {
            #expect(architecture.contains("`\(word)`") || architecture.contains("`\(word):"), "\(word) is missing from ARCHITECTURE.md")
        }
    }
}
