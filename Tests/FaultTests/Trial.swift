import FoundationEssentials
import Glibc
import Synchronization
import Testing

/// How the suite is run: short by default, long by the environment. A seed that was printed gives the same faults and orders again.
enum Trial {
    /// Minutes of random faults; the short run has a few seconds.
    static let minutes = ProcessInfo.processInfo.environment["TIDEWHEEL_FAULT_MINUTES"].flatMap { Double($0) }

    static var isLong: Bool { minutes != nil }

    /// Processes that want to run, for each core: over the last minute.
    static var loadPerCore: Double {
        var loads = [0.0]
        guard getloadavg(&loads, 1) == 1 else { return 1 }
        return loads[0] / Double(max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    }

    static func seed() -> UInt64 {
        ProcessInfo.processInfo.environment["TIDEWHEEL_FAULT_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1..<1_000_000)
    }

    /// Faults whose names contain what TIDEWHEEL_FAULT_ONLY says; all without it.
    static func chosen(_ faults: [Fault]) -> [Fault] {
        guard let word = ProcessInfo.processInfo.environment["TIDEWHEEL_FAULT_ONLY"] else { return faults }
        return faults.filter { $0.name.contains(word) }
    }

    /// `info` and the like: everything that the processes say goes to standard error at once.
    static let logLevel = ProcessInfo.processInfo.environment["TIDEWHEEL_FAULT_LOG"]

    /// At once, also where the output goes to a file.
    static func tell(_ text: String) {
        print("[faults] \(text)")
        fflush(nil)
    }

    /// What was wrong becomes failures of the test: the first few, with what the processes said last.
    static func judge(_ report: Report, seed: UInt64, _ fleet: Fleet) {
        for wrong in report.wrongs.prefix(8) { Issue.record("seed \(seed), \(report.name): \(wrong)") }
        guard !report.wrongs.isEmpty else { return }
        tell("\(report.name): \(report.wrongs.count) things are wrong. The processes' last words:")
        for wrong in report.wrongs.dropFirst(8).prefix(60) { print("    also: \(wrong)") }
        for line in fleet.log.last(40) { print("    \(line)") }
    }
}

/// The one fleet of a suite: made on first use, thrown away by a failure, closed by the last user.
actor SharedFleet {
    private var fleet: Fleet?
    private var usersLeft: Int

    init(users: Int) { usersLeft = users }

    func use(_ body: (Fleet) async throws -> Report?) async throws {
        let mine: Fleet
        if let fleet { mine = fleet } else { mine = try await Fleet.start(apis: 2, workers: 3, lease: .milliseconds(1500)) }
        fleet = mine
        usersLeft -= 1
        let report = await Result { try await body(mine) }
        let isGood = (try? report.get())?.wrongs.isEmpty ?? false
        if !isGood || usersLeft == 0 {
            fleet = nil
            let orphans = await mine.close()
            #expect(orphans.isEmpty, "processes outlived their fleet: \(orphans)")
        }
        _ = try report.get()
    }
}

extension Result where Failure == any Error {
    init(_ body: () async throws -> Success) async {
        do { self = .success(try await body()) } catch { self = .failure(error) }
    }
}
