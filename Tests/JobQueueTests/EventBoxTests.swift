import JobQueue
import Testing

@Suite struct EventBoxTests {
    private func event(_ number: Int64) -> WatchedEvent {
        WatchedEvent(sequence: number, name: "log", json: String(repeating: "x", count: 100))
    }

    @Test func whatIsTakenIsBoundedAndTheRestStays() {
        let box = EventBox()
        for number in 1...5 { #expect(box.post(event(Int64(number)), 0)) }
        box.postEnd(0)
        let (first, isMore) = box.take(bytes: 150)
        #expect(first.count == 2 && isMore)
        let (rest, isRest) = box.take(bytes: 1_000)
        #expect(rest.count == 4 && !isRest)
        #expect(box.take().isEmpty)
    }

    @Test func aBoxHoldsSoManyBytesAndHasRoomAgainWhenTheyWereTaken() {
        let box = EventBox(bytes: 250)
        #expect((1...4).map { box.post(event($0), 0) } == [true, true, true, false])
        guard case .behind(0)? = box.take(bytes: 1_000).signals.last else {
            Issue.record("nobody was told")
            return
        }
        #expect(box.post(event(4), 0))
    }
}
