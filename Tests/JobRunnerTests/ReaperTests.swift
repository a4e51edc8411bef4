import JobQueue
import Testing

@testable import JobRunner

/// The reaper's decision without I/O: time is passed in.
@Suite struct ReaperTests {
    private let start = ContinuousClock.now
    private func at(_ seconds: Double) -> ContinuousClock.Instant { start + .milliseconds(Int64(seconds * 1000)) }

    private func seen(_ beat: String, name: String = "w", dead: Bool = false, still seconds: Double = 0) -> Observation {
        Observation(worker: name, beat: beat, isMarkedDead: dead, entriesHeld: 1, stillness: .milliseconds(Int64(seconds * 1000)))
    }

    private func watched(_ looks: [(Double, String)]) -> [Double] {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        return looks.filter { !reaper.look(at: [seen($0.1)], now: at($0.0)).dead.isEmpty }.map(\.0)
    }

    @Test func aBeatThatStandsStillForALeaseIsADeath() {
        #expect(watched((0...16).map { (Double($0) / 2, "5") }) == [7, 7.5, 8])
    }

    @Test func aBeatThatMovesIsALife() {
        #expect(watched((0...100).map { (Double($0) / 2, String($0 / 10)) }) == [])
    }

    @Test func aCounterThatJumpsBackMovedToo() {
        #expect(watched((0...13).map { (Double($0) / 2, "9") } + (14...26).map { (Double($0) / 2, "1") }) == [])
    }

    @Test func aReaperThatStoodStillStartsAnew() {
        #expect(watched([(0, "5"), (0.5, "5"), (60, "5"), (60.5, "5")]) == [])
        #expect(watched([(0, "5"), (60, "5")] + (1...14).map { (60 + Double($0) / 2, "5") }) == [67])
    }

    @Test func aFailedObservationStartsAnew() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        for half in 0...13 { _ = reaper.look(at: [seen("5")], now: at(Double(half) / 2)) }
        reaper.startAnew()
        #expect(reaper.look(at: [seen("5")], now: at(7)).dead.isEmpty)
    }

    @Test func aWorkerMarkedDeadIsRecoveredAtOnce() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        #expect(reaper.look(at: [seen("5", dead: true), seen("1", name: "v")], now: at(0)).dead.map(\.worker) == ["w"])
    }

    @Test func aWorkerThatComesBackIsWatchedFromThen() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        _ = reaper.look(at: [seen("5")], now: at(0))
        for half in 1...13 { _ = reaper.look(at: [], now: at(Double(half) / 2)) }
        #expect(reaper.look(at: [seen("5")], now: at(7)).dead.isEmpty)
    }

    /// Half a lease it looks itself, whatever others saw.
    @Test(arguments: [(2.4, 5.0), (3.5, 3.5), (6.4, 3.5)]) func aReaperThatBeginsGoesOnFromWhatOthersSaw(told: Double, death: Double) {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        let deaths = (0...20).map { Double($0) / 2 }.filter { !reaper.look(at: [seen("5", still: told)], now: at($0)).dead.isEmpty }
        #expect(deaths.first == death)
    }

    @Test func ofANameWithoutABeatNothingIsTold() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        let told = (0...13).flatMap { reaper.look(at: [seen("")], now: at(Double($0) / 2)).still }
        #expect(told.isEmpty)
        #expect(reaper.look(at: [seen("")], now: at(7)).dead.map(\.worker) == ["w"])
    }

    @Test func whatOthersSawLessOfChangesNothing() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        for half in 0...13 { #expect(reaper.look(at: [seen("5", still: Double(half) / 4)], now: at(Double(half) / 2)).dead.isEmpty) }
        #expect(reaper.look(at: [seen("5", still: 3)], now: at(7)).dead.map(\.worker) == ["w"])
    }

    @Test func stillnessIsToldOnceAnIntervalAndOnlyBeyondABeat() {
        var reaper = Reaper(lease: .seconds(7), interval: .milliseconds(500))
        var told = 0.0
        var tellings: [Double] = []
        for quarter in 0...27 {
            let now = Double(quarter) / 4
            guard let news = reaper.look(at: [seen("5", still: told)], now: at(now)).still.first else { continue }
            told = news.stillness / .seconds(1)
            #expect(told == now)
            tellings.append(told)
        }
        let expected: [Double] = stride(from: 1.75, to: 7, by: 0.5).map(\.self)
        #expect(tellings == expected)
    }
}
