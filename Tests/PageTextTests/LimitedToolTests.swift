import Testing

@testable import PageText

@Suite(.timeLimit(.minutes(1))) struct LimitedToolTests {
    private func tool(_ name: String = "sh", seconds: Double = 20, memory: Int = 1 << 29) -> LimitedTool {
        var limits = ExtractLimits()
        limits.toolTime = .seconds(seconds)
        limits.toolMemoryBytes = memory
        return LimitedTool(name: name, package: "a-package", limits: limits)
    }

    private func failure(_ tool: LimitedTool, _ arguments: [String], outputBytes: Int = 1 << 20) async -> ExtractError? {
        do {
            _ = try await tool.run(arguments, outputBytes: outputBytes)
            return nil
        } catch {
            return error
        }
    }

    @Test func outputAndExitCodeComeBack() async throws {
        let outcome = try await tool().run(["-c", "printf out; printf no >&2; exit 3"], outputBytes: 100)
        #expect(outcome.exitCode == 3 && outcome.output == Array("out".utf8) && outcome.complaint == "no")
    }

    @Test func nothingOfOursIsInherited() async throws {
        let outcome = try await tool().run(["-c", "env | sort"], outputBytes: 10_000)
        let names = String(decoding: outcome.output, as: UTF8.self).split(separator: "\n").map { $0.prefix { $0 != "=" } }
        #expect(Set(names).isSubset(of: ["LC_ALL", "PATH", "PWD", "OLDPWD", "SHLVL", "_"]))
    }

    @Test func aGrandchildDoesNotOutliveTheTimeout() async {
        // A number that no other process sleeps for.
        let mark = "\(Int.random(in: 1_000_000..<9_000_000))"
        let error = await failure(tool(seconds: 0.5), ["-c", "sleep \(mark) & sleep \(mark); true"])
        #expect(error == .timedOut("sh took longer than 0.5 seconds for the document"))
        // The brackets keep the search from finding itself.
        #expect(SampleFiles.output(of: "pgrep -f 'slee[p] \(mark)'", limit: 100).isEmpty)
    }

    @Test func endlessOutputIsCutOff() async {
        #expect(await failure(tool("yes"), [], outputBytes: 10_000) == .tooLarge("yes made more than 9 KiB of the document"))
    }

    @Test func filesCannotBeWritten() async throws {
        let path = "\(SampleFiles.scratch)/written"
        let outcome = try await tool().run(["-c", "trap '' XFSZ; echo words > \(path); cat \(path); rm -f \(path)"], outputBytes: 100)
        #expect(outcome.output.isEmpty)
    }

    @Test func memoryIsBounded() async {
        let hungry = "x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done"
        let error = await failure(tool(memory: 64 << 20), ["-c", hungry])
        let outcome = try? await tool(memory: 64 << 20).run(["-c", hungry], outputBytes: 100)
        #expect(error != nil || outcome?.exitCode != 0)
    }

    @Test func aMissingProgramNamesItsPackage() async {
        #expect(await failure(tool("no-such-program"), []) == .toolMissing("no-such-program is missing: install the package a-package"))
    }
}
