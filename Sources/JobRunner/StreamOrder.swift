internal import JobQueue

/// In which order a worker looks into its streams. Levels are strict: urgent before high before medium before low. Within a level the queues
/// take turns to be first, and the lowest levels get a small share of the claims, so that nothing waits for ever behind a busy stream.
struct StreamOrder: Sendable {
    /// One list for each queue that may be first.
    private let rotations: [[String]]
    private let queues: [[String]]
    private let lowestShare: Double
    private var first = 0
    /// Claims that the lowest level is owed; whole ones are made.
    private var owed = 0.0

    init(_ keys: Keys, queues: [String], levels: [StreamLevel], lowestShare: Double) {
        let turns = queues.indices.map { Array(queues[$0...] + queues[..<$0]) }
        rotations = turns.map { keys.streams($0, levels) }
        self.queues = turns.map { turn in levels.flatMap { _ in turn } }
        self.lowestShare = lowestShare
    }

    var streams: [String] { rotations[first] }

    func streams(without paused: [String]) -> [String] {
        zip(rotations[first], queues[first]).filter { !paused.contains($0.1) }.map(\.0)
    }

    /// How many of the next `count` claims begin at the lowest stream.
    func share(of count: Int) -> Int {
        min(count, Int(owed + lowestShare * Double(count)))
    }

    /// A claim was made: the next queue is first, and what the lowest level was owed has been looked for.
    mutating func turn(claimed count: Int) {
        first = (first + 1) % rotations.count
        owed = (owed + lowestShare * Double(count)).truncatingRemainder(dividingBy: 1)
    }
}
