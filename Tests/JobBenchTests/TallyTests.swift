import FoundationEssentials
import TestServers
import Testing

@testable import JobBench

/// What measured processes and the bench share.
@Suite struct TallyTests {
    @Test func anotherMappingOfTheFileSeesTheCounts() throws {
        let path = try TemporaryDirectory.make() + "/tally"
        let bench = try Tally(creating: path, capacity: 3)
        let worker = try Tally(opening: path)
        #expect(worker.capacity == 3)
        bench.submitted(1)
        #expect(worker.ran(1, timed: true))
        #expect(worker.ran(2))
        #expect(worker.ran(2))
        #expect((0..<3).map(bench.runs) == [0, 1, 2])
        #expect(try #require(bench.wait(of: 1)) >= 0)
        #expect(bench.wait(of: 2) == nil)
    }

    @Test func aNumberOutsideIsRefused() throws {
        let tally = try Tally(creating: TemporaryDirectory.make() + "/tally", capacity: 3)
        #expect(!tally.ran(3))
        #expect(!tally.ran(-1))
        #expect((0..<3).map(tally.runs) == [0, 0, 0])
    }

    @Test func aFileThatIsNoTallyIsRefused() throws {
        let path = try TemporaryDirectory.make() + "/other"
        try "no tally".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(throws: BenchError.self) { try Tally(opening: path) }
        #expect(throws: BenchError.self) { try Tally(opening: path + ".missing") }
    }

    @Test func percentilesAreOfTheNearestRank() {
        let spread = Spread([5, 1, 4, 2, 3])
        #expect(spread.median == 3)
        #expect(spread.percentile(99) == 5)
        #expect(spread.percentile(0) == 1)
        #expect(Spread([]).median == nil)
    }

    @Test func anAnswerIsWholeWithItsBody() {
        let head = "HTTP/1.1 202 Accepted\r\nContent-Length: 4\r\nX: y\r\n\r\n"
        #expect(Answer(Array(head.utf8)) == Answer(Array((head + "body").utf8)))
        #expect(Answer(Array(head.utf8))?.status == 202)
        #expect(Answer(Array(head.utf8))?.length == head.utf8.count + 4)
        #expect(Answer(Array("HTTP/1.1 202 Acc".utf8)) == nil)
    }
}
