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

    /// Lua finds a function that nobody defined only when the line runs, and some lines run only when much else has gone wrong.
    @Test(arguments: Scripts.all.map(\.name))
    func everyFunctionThatIsCalledIsDefined(name: String) throws {
        let script = try #require(Scripts.all.first { $0.name == name })
        let lines = String(decoding: script.source, as: UTF8.self).split(separator: "\n").map(withoutCommentAndTexts)
        for (index, line) in lines.enumerated() {
            for called in calls(in: line) where !ContractTests.builtIn.contains(called) {
                let isKnown = isDefined(called, at: index, in: lines)
                #expect(isKnown, "\(called) in '\(line)'")
            }
        }
    }

    private static let builtIn: Set<String> = [
        "function", "if", "elseif", "while", "until", "and", "or", "not", "return", "in", "ipairs", "pairs", "unpack", "tonumber",
        "tostring", "type",
    ]

    private func withoutCommentAndTexts(_ line: Substring) -> String {
        let code = line.replacing(/'[^']*'/, with: "''")
        return String(code.prefix(upTo: code.firstRange(of: "--")?.lowerBound ?? code.endIndex))
    }

    /// Names before a parenthesis; members of tables (`math.min`) are the tables' business.
    private func calls(in line: String) -> [String] {
        line.matches(of: /([\w.:]+)\(/).map { String($0.1) }.filter { !$0.contains(".") && !$0.contains(":") }
    }

    /// Above, in a block that is still open: a `local` that is indented more deeply than some line between does not reach here.
    private func isDefined(_ name: String, at index: Int, in lines: [String]) -> Bool {
        var depth = indentation(of: lines[index])
        for line in lines[...index].reversed() where !line.allSatisfy(\.isWhitespace) {
            guard indentation(of: line) <= depth else { continue }
            depth = indentation(of: line)
            let names = line.matches(of: /local (?:function )?([\w, ]+)/).map(\.1) + line.matches(of: /function \w+\(([\w, ]+)\)/).map(\.1)
            let defined = names.flatMap { $0.split { $0 == "," || $0 == " " } }
            if defined.contains(where: { $0 == name }) { return true }
        }
        return false
    }

    private func indentation(of line: String) -> Int { line.prefix { $0 == " " }.count }

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
