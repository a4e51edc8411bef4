import FoundationEssentials
import Testing

@testable import tidewheel

struct SettingsTests {
    @Test func theFlagWinsOverTheEnvironmentAndThatOverTheFile() throws {
        let file = try temporaryFile("# ports\nPORT = 1\nTIDEWHEEL_SLOTS=2\nTIDEWHEEL_KEY_PREFIX=a:\n")
        defer { try? FileManager.default.removeItem(atPath: file) }
        let environment = ["TIDEWHEEL_CONFIG": file, "PORT": "2", "TIDEWHEEL_SLOTS": "3"]
        let settings = try Settings(flags: ["PORT": "4"], environment: environment)
        #expect(settings[Known.port] == 4)
        #expect(settings[Known.slots] == 3)
        #expect(settings[Known.keyPrefix] == "a:")
        #expect(settings[Known.lease] == 7)
        #expect(!settings.isGiven(Known.lease))
    }

    @Test(arguments: [
        ("PORT", "70000"), ("PORT", "eighty"), ("JOB_RETENTION_SECONDS", "0"), ("TIDEWHEEL_LOG_LEVEL", "loud"), ("TIDEWHEEL_MODELS", "gpt"),
        ("TIDEWHEEL_ALLOW_EVICTION", "maybe"),
        ("TIDEWHEEL_RECORD_RETENTION_KINDS", "chat"), ("TIDEWHEEL_RECORD_RETENTION_KINDS", "chat=1,chat=2"),
        ("TIDEWHEEL_RECORD_RETENTION_KINDS", "=1"), ("TIDEWHEEL_RECORD_RETENTION_KINDS", "chat=-1"), ("QDRANT_URL", "qdrant:6333"),
        ("TIDEWHEEL_FETCH_ALLOW", "intranet,10.0.0.0/33"), ("TIDEWHEEL_FETCH_ALLOW", "http://intranet"),
        ("OLLAMA_URL", "http://a:1,b:2"), ("OLLAMA_KEEP_ALIVE", "ten minutes"), ("OPENAI_EXTRA_BODY", "[1]"),
        ("TIDEWHEEL_MODEL_PERMITS", "0"),
        ("TIDEWHEEL_MODEL_PERMITS", "a:1=2,a:1=3"),
    ])
    func aWrongValueIsRefusedByNameWithWhatIsAllowed(name: String, value: String) {
        #expect { try Settings(environment: [name: value]) } throws: { error in
            "\(error)".contains(name) && "\(error)".contains("must be")
        }
    }

    @Test func pairsOfNamesAndNumbersAreRead() throws {
        let settings = try Settings(environment: ["TIDEWHEEL_RECORD_RETENTION_KINDS": "chat=7, presentation=0"])
        #expect(settings[optional: Known.recordRetentionOfKinds] == ["chat": 7, "presentation": 0])
    }

    @Test func aSecretIsNeverQuoted() {
        #expect { try Settings(environment: ["REDIS_URL": "http://:hunter2@h/"]) } throws: {
            !"\($0)".contains("hunter2") && "\($0)".contains("REDIS_URL")
        }
    }

    @Test func anEmptyValueIsNotGiven() throws {
        #expect(try Settings(environment: ["PORT": ""])[Known.port] == 8080)
    }

    @Test func anUnknownNameInTheFileIsRefusedWithItsLine() throws {
        let file = try temporaryFile("PORT=1\nPROT=2\n")
        defer { try? FileManager.default.removeItem(atPath: file) }
        #expect { try Settings(environment: ["TIDEWHEEL_CONFIG": file]) } throws: { "\($0)".contains("\(file):2") }
    }

    /// The page has one row a setting: | `NAME` | flag | default | meaning |
    /// A name that is misspelled there would be heeded by nobody.
    @Test(arguments: ["docker-compose.yml", "deploy/systemd/environment.example"])
    func whatIsDeployedSetsWhatThereIs(file: String) throws {
        let text = try String(contentsOfFile: projectRoot + "/" + file, encoding: .utf8)
        let names = Set(text.matches(of: /\b(?:TIDEWHEEL|PRESENTON)_[A-Z_]+\b/).map { String($0.0) })
        #expect(names.isSuperset(of: ["PRESENTON_URL", "PRESENTON_KEY", "TIDEWHEEL_DECK_DIRECTORY", "TIDEWHEEL_WEBHOOK_ALLOW"]))
        #expect(names.subtracting(Known.table.map(\.name)) == [])
    }

    @Test func everySettingIsDocumentedWithItsDefaultAndFlag() throws {
        let page = try String(contentsOfFile: projectRoot + "/docs/settings.md", encoding: .utf8)
        let rows = page.split(separator: "\n").filter { $0.hasPrefix("| `") }
        let documented = rows.map { $0.split(separator: "|").map { $0.trimmingSpaces } }
        #expect(documented.compactMap(\.first) == Known.table.map { "`\($0.name)`" })
        for (entry, row) in zip(Known.table, documented) where row.count >= 3 {
            #expect(row[1] == (entry.flag.map { "`--\($0)`" } ?? "–"), "\(entry.name)")
            #expect(row[2] == (entry.standard.isEmpty ? "–" : "`\(entry.standard)`"), "\(entry.name)")
        }
    }

    private func temporaryFile(_ text: String) throws -> String {
        let path = FileManager.default.temporaryDirectory.path + "/settings-\(UInt64.random(in: 0...UInt64.max))"
        try text.write(toFile: path, atomically: false, encoding: .utf8)
        return path
    }
}

/// Where the checkout is: this file is Tests/TidewheelTests/SettingsTests.swift.
let projectRoot = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/")

extension Substring {
    var trimmingSpaces: String { String(drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()) }
}
