import JobQueue
import RedisWire
import Testing

/// Every script's contract header against the script's own text: what it reads is declared. Debug builds compare each call with the same
/// header, so every other test of this suite compares the callers.
@Suite struct ContractTests {
    /// The places that a script's text reads by number.
    private func uses(_ array: String, in script: RedisScript) -> Set<Int> {
        var found: Set<Int> = []
        for part in String(decoding: script.source, as: UTF8.self).split(separator: "\(array)[").dropFirst() {
            if let number = Int(part.prefix { $0.isNumber }) { found.insert(number) }
        }
        return found
    }

    @Test(arguments: Scripts.all.map(\.name))
    func everyScriptDeclaresWhatItReads(name: String) throws {
        let script = try #require(Scripts.all.first { $0.name == name })
        let contract = try #require(ScriptContract(script), "the header needs KEYS, ARGV and Returns")
        #expect(uses("KEYS", in: script).subtracting(contract.keys.named) == [])
        #expect(uses("ARGV", in: script).subtracting(contract.arguments.named) == [])
        #expect(contract.keys.named == Array(1...contract.keys.named.count), "places are numbered from 1 without gaps")
        #expect(contract.arguments.named == (0..<contract.arguments.named.count).map { $0 + 1 })
        #expect(!contract.returns.isEmpty)
    }

    @Test func aHeaderSaysWhichPlacesMayBeMissing() throws {
        let source =
            "#!lua\n-- KEYS    1 job hash   2 stream   [3 idempotency]\n-- ARGV    1 lease   2 event   3… field, value\n-- Returns 1 told"
        let contract = try #require(ScriptContract(RedisScript(name: "x", source: Array(source.utf8))))
        #expect(contract.keys.named == [1, 2, 3])
        #expect(contract.keys.required == 2)
        #expect(!contract.keys.isOpen)
        #expect(contract.arguments.required == 2)
        #expect(contract.arguments.isOpen)
    }

    @Test(arguments: Scripts.all.map(\.name))
    func onlyIntakeIsRefusedAtTheMemoryLimit(name: String) throws {
        let script = try #require(Scripts.all.first { $0.name == name })
        let first = String(decoding: script.source.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        #expect(first.hasPrefix("#!lua"))
        #expect((first.contains("allow-oom") || first.contains("no-writes")) == !["enqueue", "reserve"].contains(name))
    }
}
