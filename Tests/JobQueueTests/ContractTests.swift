import JobQueue
import RedisWire
import Testing

/// Every script's contract header against the script's own text: what it reads is declared, what is declared is read.
@Suite struct ContractTests {
    private struct Contract {
        let keys: [Int]
        let arguments: [Int]
        let returns: String

        init?(_ source: String) {
            let lines = source.split(separator: "\n").filter { $0.hasPrefix("-- ") }
            func line(_ word: String) -> Substring? { lines.first { $0.hasPrefix("-- \(word)") }?.dropFirst(3 + word.count) }
            guard let keys = line("KEYS"), let arguments = line("ARGV"), let returns = line("Returns") else { return nil }
            self.keys = Contract.numbers(keys)
            self.arguments = Contract.numbers(arguments)
            self.returns = String(returns)
        }

        /// `1 job hash   2 stream   [6 idempotency]   8… field, value`: the numbers that name a place.
        static func numbers(_ line: Substring) -> [Int] {
            line.split(separator: "  ").flatMap { $0.split(separator: "   ") }
                .compactMap { part in Int(part.drop { $0 == " " || $0 == "[" }.prefix { $0.isNumber }) }
        }
    }

    /// The places that a script's text reads by number.
    private func uses(_ array: String, in source: String) -> Set<Int> {
        var found: Set<Int> = []
        for part in source.split(separator: "\(array)[").dropFirst() {
            if let number = Int(part.prefix { $0.isNumber }) { found.insert(number) }
        }
        return found
    }

    @Test(arguments: Scripts.all.map(\.name))
    func everyScriptDeclaresWhatItReads(name: String) throws {
        let script = try #require(Scripts.all.first { $0.name == name })
        let source = String(decoding: script.source, as: UTF8.self)
        let contract = try #require(Contract(source), "the header needs KEYS, ARGV and Returns")
        #expect(uses("KEYS", in: source).subtracting(contract.keys) == [])
        #expect(uses("ARGV", in: source).subtracting(contract.arguments) == [])
        #expect(contract.keys == Array(1...max(1, contract.keys.count)), "places are numbered from 1 without gaps")
        #expect(!contract.returns.isEmpty)
    }

    @Test(arguments: Scripts.all.map(\.name))
    func onlyIntakeIsRefusedAtTheMemoryLimit(name: String) throws {
        let script = try #require(Scripts.all.first { $0.name == name })
        let first = String(decoding: script.source.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        #expect(first.hasPrefix("#!lua"))
        #expect((first.contains("allow-oom") || first.contains("no-writes")) == (name != "enqueue"))
    }
}
