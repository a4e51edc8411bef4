/// Hands out the numbers of a range, each once, to any number of tasks and threads.
internal import Synchronization

final class Turns: Sendable {
    private let upcoming: Atomic<Int>
    private let end: Int

    init(_ numbers: Range<Int>) {
        upcoming = Atomic(numbers.lowerBound)
        end = numbers.upperBound
    }

    func next() -> Int? {
        let number = upcoming.add(1, ordering: .relaxed).oldValue
        return number < end ? number : nil
    }
}
