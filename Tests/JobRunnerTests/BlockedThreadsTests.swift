import JobDesk
import JobModel
import JobQueue
import PrivateServers
import Synchronization
import TestServers
import Testing

@testable import JobRunner

/// In a process of its own: no other test should wait for threads that this one blocks.
@Suite struct BlockedThreadsTests {
    @Test(.timeLimit(.minutes(2))) func handlersThatBlockEverySharedThreadDoNotStopTheBeat() async {
        await #expect(processExitsWith: .success) {
            let beats = try await BlockedThreadsTests.beatsWhileBlocked(20)
            guard beats >= 20 else { fatalError("only \(beats) beats came while the handlers blocked every thread") }
        }
    }

    /// Four handlers spin on every shared thread; an observer with a thread of its own counts the worker's beats.
    private static func beatsWhileBlocked(_ wanted: Int) async throws -> Int {
        let blocking = Mutex(true)
        let handler = TestHandler(isRecorded: false) { _ throws(JobFailure) in
            while blocking.withLock({ $0 }) {}
            return [:]
        }
        let fixture = try await RunnerFixture([handler])
        let finished = ConditionFlag()
        let observer = BeatObserver(url: try await TestRedis.shared().url, flag: finished)
        return try await fixture.working { runner in
            for _ in 0..<4 { try await fixture.submit() }
            guard let name = runner.name else { return 0 }
            observer.waitForBeats(wanted, of: fixture.desk.queue.keys.worker(name)) { blocking.withLock { $0 = false } }
            await finished.wait()
            return finished.beats
        }
    }
}
