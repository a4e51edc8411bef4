import ArgumentParser
import FoundationEssentials
import JobModel
import Testing

@testable import TidewheelClient
@testable import tidewheel

/// What is said of the commands, and what they make of their flags.
struct CommandTests {
    private func page(_ name: String) throws -> String {
        try String(contentsOfFile: projectRoot + "/docs/\(name)", encoding: .utf8)
    }

    /// `tidewheel job submit` …: those that do something.
    private func commands() throws -> Set<String> {
        let pages = try ManPage.all().map(\.path)
        return Set(
            pages.filter { path in !pages.contains { $0.count > path.count && $0.starts(with: path) } }.map { $0.joined(separator: " ") })
    }

    @Test func everyCommandIsDocumented() throws {
        let told = try page("cli.md").split(separator: "\n").filter { $0.hasPrefix("### `tidewheel ") }.map {
            String($0.dropFirst(5).dropLast())
        }
        #expect(Set(told) == (try commands()))
        #expect(told.count == Set(told).count)
    }

    @Test func everyExitStatusIsDocumented() throws {
        let page = try page("cli.md")
        for status in tidewheel.ExitStatus.allCases { #expect(page.contains("| \(status.rawValue) | \(status.meaning) |"), "\(status)") }
    }

    @Test(arguments: [
        (404, "unknown-job", tidewheel.ExitStatus.notFound), (409, "job-failed", .failed), (409, "not-finished", .refused),
        (422, "invalid-input", .refused),
        (401, "missing-key", .notAllowed), (403, "missing-scope", .notAllowed), (421, "foreign-host", .notAllowed),
        (429, "quota-exceeded", .unavailable),
        (503, "full", .unavailable), (500, "internal-error", .unavailable), (502, "", .unavailable),
    ])
    func problemsHaveTheirStatus(status: Int, type: String, expected: tidewheel.ExitStatus) throws {
        let document: JSONValue = ["type": .string("urn:tidewheel:problem:\(type)"), "detail": "d"]
        let error = TidewheelError.problem(.init(APIAnswer(status: status, headers: [], body: document.bytes)))
        #expect(tidewheel.ExitStatus.ending(of: error).status == expected)
    }

    @Test func pagesAreWellFormedRoff() throws {
        for page in try ManPage.all() {
            #expect(page.text.hasPrefix(".TH "))
            for line in page.text.split(separator: "\n") where line.hasPrefix(".") || line.hasPrefix("'") {
                #expect(
                    [".TH", ".SH", ".TP", ".B", ".BR", ".PP", ".br", ".nh", ".ad"].contains { line == $0 || line.hasPrefix($0 + " ") },
                    "\(page.name): \(line)")
            }
        }
    }

    @Test func valuesOfPairsFollowTheSchema() {
        #expect(InputFlags.value("5", ["type": "integer"]) == 5)
        #expect(InputFlags.value("5", ["type": "string"]) == "5")
        #expect(InputFlags.value("a,b", ["type": "array"]) == ["a", "b"])
        #expect(InputFlags.value("[1]", ["type": "array"]) == [1])
        #expect(InputFlags.value("{\"a\":1}", nil) == ["a": 1])
        #expect(InputFlags.value("text", nil) == "text")
    }

    @Test func flagsBecomeMembers() throws {
        let options = try OptionFlags.parse([
            "--priority", "high", "--timeout", "5m", "--tag", "a", "--tag", "b", "--metadata", "{\"x\":1}", "--unique", "k",
            "--unique-window", "1h",
        ])
        #expect(
            JSONValue.object(try options.members()) == [
                "priority": "high", "timeout": 300, "tags": ["a", "b"], "metadata": ["x": 1],
                "unique": ["key": "k", "window_seconds": 3600],
            ])
    }

    @Test(arguments: [
        ["job", "submit"], ["job", "submit", "k", "--set", "x"], ["job", "submit", "k", "--delay", "1s", "--at", "2030-01-01T00:00:00Z"],
        ["job", "submit", "k", "--unique-while", "active"], ["job", "submit", "k", "--wait-timeout", "1s"],
        ["job", "list", "--limit", "0"],
        ["job", "list", "--since", "yesterday"], ["job", "list", "-o", "xml"], ["schedule", "create", "n", "--kind", "k"],
        ["job", "cancel"],
        ["job", "submit", "k", "--api-key", "twk_x"], ["completion", "tcsh"],
    ])
    func whatMakesNoSenseIsRefusedBeforeAnythingIsAsked(arguments: [String]) {
        #expect(throws: (any Error).self) { try Tidewheel.parseAsRoot(arguments) }
    }

    /// What was there before the verbs came.
    @Test(arguments: [["worker"], ["worker", "--slots", "3"], ["worker", "run", "--slots", "3"], ["worker", "--suspects"]])
    func aWorkerIsRunWithoutAVerb(arguments: [String]) throws {
        #expect(try Tidewheel.parseAsRoot(arguments) is WorkerRun)
    }

    @Test func disksAreLookedAt() {
        #expect(ServiceChecks.disk("D", "/nowhere").level == .fail)
        #expect(ServiceChecks.disk("D", "/tmp").detail.contains("MiB free"))
    }

    @Test func clocksAreComparedByWhatIsKnown() {
        let now = Timestamp(milliseconds: 1_000_000)
        let later = Timestamp(milliseconds: 1_000_400)
        let look = { (other: Int64) in ClockCheck.finding("c", other: other, before: now, after: later).level }
        #expect(look(1_000_200) == .ok && look(1_001_300) == .ok && look(999_100) == .ok)
        #expect(look(1_001_500) == .warn && look(998_900) == .warn && look(1_070_000) == .fail)
    }

    @Test func whatRedisSaysIsJudged() throws {
        let level = { (info: [String: String]) in RedisChecks.memory(info).level }
        #expect(
            level(["used_memory": "100"]) == .ok && level(["used_memory": "95", "maxmemory": "100"]) == .warn
                && level(["used_memory": "101", "maxmemory": "100"]) == .fail)
        #expect(RedisChecks.saving(["rdb_last_bgsave_status": "err"]).level == .fail)
        #expect(PostgresChecks.server(140_005, isStandby: false, "x").level == .fail)
        #expect(PostgresChecks.server(150_005, isStandby: true, "x").level == .fail)
        #expect(PostgresChecks.server(180_000, isStandby: false, "x").level == .ok)
    }
}
