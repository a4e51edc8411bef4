import JobLedger
import Testing

@testable import JobRunner

/// The decision to lead without I/O: time is passed in.
@Suite struct CandidateTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int64(seconds * 1000)) }
    private func candidate() -> Candidate { Candidate(name: "me", term: .seconds(5), interval: .seconds(1)) }

    private func seat(_ holder: String, _ token: Int64 = 7, renewal: Int64 = 1) -> LeaderSeat {
        LeaderSeat(holder: holder, token: LeaderToken(token), renewal: renewal)
    }

    @Test func aLeaderThatRenewsIsLeftAlone() {
        var candidate = candidate()
        for second in 0...30 {
            let now = at(Double(second))
            #expect(candidate.nextCall(now: now) == .observe)
            candidate.received(seat("other", renewal: Int64(second / 4)), sent: now, now: now)
        }
    }

    @Test func aRenewalThatStandsStillForATermIsTakenOver() {
        var candidate = candidate()
        var taken: [Int] = []
        for second in 0...6 {
            let now = at(Double(second))
            if candidate.nextCall(now: now) == .take(seat("other")) { taken.append(second) }
            candidate.received(seat("other"), sent: now, now: now)
        }
        #expect(taken == [5, 6])
    }

    @Test func anEmptySeatIsTakenAtOnce() {
        var candidate = candidate()
        candidate.received(seat(""), sent: at(0), now: at(0))
        #expect(candidate.nextCall(now: at(1)) == .take(seat("")))
    }

    @Test func aWorkerThatStoodStillWatchesAnew() {
        var candidate = candidate()
        candidate.received(seat("other"), sent: at(0), now: at(0))
        #expect(candidate.nextCall(now: at(60)) == .observe)
        candidate.received(seat("other"), sent: at(60), now: at(60))
        #expect(candidate.nextCall(now: at(61)) == .observe)
    }

    @Test func aReignEndsATermAfterItsLastRenewalWasSent() {
        var candidate = candidate()
        candidate.received(seat("me"), sent: at(0), now: at(3))
        #expect(candidate.token(now: at(4.9)) == LeaderToken(7))
        #expect(candidate.token(now: at(5)) == nil)
        #expect(candidate.nextCall(now: at(9)) == .renew(LeaderToken(7)))
        candidate.startAnew()
        #expect(candidate.token(now: at(4)) == LeaderToken(7), "a failed call alone dethrones nobody")
        candidate.received(nil, sent: at(4), now: at(4))
        #expect(candidate.token(now: at(4)) == nil)
    }
}
