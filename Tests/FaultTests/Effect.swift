import FoundationEssentials
import Glibc

/// One line of the external ledger: what an attempt did in a world that our stores know nothing of.
struct Effect: Sendable, Hashable {
    /// By the machine's monotonic clock.
    let milliseconds: Int
    let processID: Int32
    let job: String
    let attempt: Int
    let phase: String

    /// The same clock.
    static func now() -> Int {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// A last line that is still being written is left out.
    static func read(_ path: String) -> [Effect] {
        guard let bytes = FileManager.default.contents(atPath: path) else { return [] }
        return bytes.split(separator: 0x0A).compactMap { Effect(String(decoding: $0, as: UTF8.self)) }
    }

    private init?(_ line: String) {
        let words = line.split(separator: " ")
        guard words.count == 5, let milliseconds = Int(words[0]), let process = Int32(words[1]), let attempt = Int(words[3]) else {
            return nil
        }
        self.milliseconds = milliseconds
        processID = process
        job = String(words[2])
        self.attempt = attempt
        phase = String(words[4])
    }
}
