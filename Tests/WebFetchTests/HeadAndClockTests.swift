/// The two values that decide without I/O: the head as lines arrive, and the clock of progress.
import Testing

@testable import WebFetch

@Suite struct ResponseHeadTests {
    private func head(_ lines: String...) -> ResponseHead {
        var head = ResponseHead()
        for line in lines { _ = head.received(Array((line + "\r\n").utf8)) }
        return head
    }

    @Test func interimResponsesAreDropped() {
        let head = head("HTTP/1.1 103 Early", "Link: x", "", "HTTP/1.1 200 OK", "A: b", "")
        #expect(head.isComplete && head.status == 200)
        #expect(head.headers.map(\.name) == ["a"])
    }

    @Test func trailersAfterTheHeadAreIgnored() {
        #expect(head("HTTP/2 200 ", "A: b", "", "A: c", "Z: y").headers.map(\.value) == ["b"])
    }

    @Test func valuesAreTrimmedAndLatin1IsRead() {
        var head = ResponseHead()
        _ = head.received(Array("HTTP/1.1 200\r\n".utf8))
        _ = head.received(Array("X-Name: \t a b \t\r\n".utf8))
        _ = head.received(Array("X-City: M".utf8) + [0xFC, 0x6E, 13, 10])
        _ = head.received(Array("no colon\r\n".utf8))
        #expect(head.first("x-name") == "a b")
        #expect(head.first("x-city") == "Mün")
        #expect(head.headers.count == 2)
    }

    @Test(arguments: ["HTTP/1.1", "HTTP/1.1 abc", "HTTP/1.1 99999999999999999999", "HTTP/1.1 -1"])
    func aBrokenStatusLineIsNoHead(_ line: String) {
        #expect(!head(line, "").isComplete)
    }
}

@Suite struct ProgressClockTests {
    private let start = ContinuousClock.now

    private func clock(idle: Duration? = .seconds(10), rate: Int = 2) -> ProgressClock {
        var limits = FetchLimits()
        (limits.idleTimeout, limits.minimumRate) = (idle, rate)
        return ProgressClock(limits, now: start)
    }

    private func check(
        _ clock: inout ProgressClock, _ now: ContinuousClock.Instant, _ expected: Bool, _ place: SourceLocation = #_sourceLocation
    ) {
        let isExpired = clock.isExpired(at: now)
        #expect(isExpired == expected, sourceLocation: place)
    }

    @Test func silenceEndsIt() {
        var clock = clock()
        check(&clock, start + .seconds(9), false)
        clock.progressed(bodyBytes: 0, now: start + .seconds(9))
        check(&clock, start + .seconds(18), false)
        check(&clock, start + .seconds(19), true)
    }

    @Test func drippingEndsIt() {
        var clock = clock()
        for second in 1...10 { clock.progressed(bodyBytes: 1, now: start + .seconds(second)) }
        #expect(clock.dueTime == start + .seconds(11))
        check(&clock, start + .seconds(11), true)
    }

    @Test func enoughBytesOpenTheNextWindow() {
        var clock = clock()
        clock.progressed(bodyBytes: 1000, now: start)
        clock.progressed(bodyBytes: 1, now: start + .seconds(9))
        check(&clock, start + .seconds(10), false)
        clock.progressed(bodyBytes: 1, now: start + .seconds(19))
        check(&clock, start + .seconds(20), true)
    }

    @Test func aPauseOfTheReaderCountsForNothing() {
        var clock = clock()
        clock.progressed(bodyBytes: 1, now: start)
        clock.restart(now: start + .seconds(100))
        check(&clock, start + .seconds(109), false)
    }

    @Test func withoutALimitItNeverEnds() {
        var clock = clock(idle: nil)
        #expect(clock.dueTime == nil)
        check(&clock, start + .seconds(1_000_000), false)
    }
}
