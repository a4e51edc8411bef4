import FoundationEssentials
import JobModel
import PrivateServers
import Synchronization
import Testing

@testable import JobBench

/// `tidewheel bench` as a user starts it, with numbers so small that they say nothing but that it works.
@Suite struct BenchTests {
    @Test func printsALineAScenarioAndVerifiesIt() async throws {
        let names = ["batch", "drain", "recorded", "cycle", "latency", "http"]
        let lines = Mutex<[String]>([])
        let end = try await ChildEnd.of(
            [
                "bench", "--json", "--runs", "1", "--jobs", "60", "--slots", "8", "--connections", "3", "--idle", "1",
                "--only", names.joined(separator: ","),
            ]
        ) { line in lines.withLock { $0.append(line) } }
        let figures = try lines.withLock { $0 }.filter { $0.hasPrefix("{") }.map { try JSONReader.read($0) }
        #expect(end == .exited(0), "\(lines.withLock { $0 })")
        #expect(figures.map { $0["bench"]?.string } == names)
        for line in figures {
            #expect(line["verified"] == true, "\(line.serialized)")
            #expect((line["ratio"]?.number ?? 0) > 0, "\(line.serialized)")
        }
        for name in ["drain", "recorded", "cycle"] {
            let line = try #require(figures.first { $0["bench"]?.string == name })
            for figure in ["jobs_per_s", "floor_jobs_per_s", "process_cpu_us_per_job", "peak_rss_mb"] {
                #expect((line[figure]?.number ?? 0) > 0, "\(name) \(figure): \(line.serialized)")
            }
        }
    }

    @Test func theEnginesOwnScriptsAreMeasuredWithoutIt() async throws {
        let lines = Mutex<[String]>([])
        let end = try await ChildEnd.of(
            ["bench", "--json", "--runs", "1", "--jobs", "150", "--slots", "8", "--only", "enqueue,batch,drain,latency"]
        ) { line in lines.withLock { $0.append(line) } }
        #expect(end == .exited(0), "\(lines.withLock { $0 })")
        let figures = try lines.withLock { $0 }.filter { $0.hasPrefix("{") }.map { try JSONReader.read($0) }
        let names = figures.map { $0["bound_jobs_per_s"] == nil ? "bound_p50_us" : "bound_jobs_per_s" }
        #expect(names == ["bound_p50_us", "bound_jobs_per_s", "bound_jobs_per_s", "bound_p50_us"])
        for (line, name) in zip(figures, names) { #expect((line[name]?.number ?? 0) > 0, "\(line.serialized)") }
    }

    @Test func refusesWhatCannotBeMeasured() async throws {
        let said = Mutex("")
        let end = try await ChildEnd.of(["bench", "--only", "drain,speed"]) { line in said.withLock { $0 += line } }
        #expect(end == .exited(2))
        #expect(said.withLock { $0 }.contains("speed"))
    }

    /// docs/performance.md has a row for each measurement and each figure.
    @Test func everyScenarioIsDocumented() throws {
        let page = try String(contentsOfFile: projectRoot + "/docs/performance.md", encoding: .utf8)
        for scenario in Scenario.allCases { #expect(page.contains("| `\(scenario.rawValue)` |"), "\(scenario.rawValue)") }
        for (name, _) in Figures(.drain).byName where !name.contains("p50") && !name.contains("p99") {
            #expect(page.contains(name.replacing("floor_redis", with: "redis")), "\(name)")
        }
    }
}
