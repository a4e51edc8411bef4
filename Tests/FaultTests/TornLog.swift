import FoundationEssentials
import Glibc
import TestServers

/// An append-only file whose end was lost in the middle of a transaction, as after a crash of the machine.
/// Redis 7.0 skips the torn transaction at the first start, goes on writing behind its beginning, and applies that half at the second start.
enum TornLog {
    private static let beginning = Array("*1\r\n$5\r\nMULTI\r\n".utf8)
    private static let end = Array("*1\r\n$4\r\nEXEC\r\n".utf8)

    /// Cuts the newest file somewhere inside its last transaction; returns how many bytes went.
    static func tear(in directory: String, _ random: inout SeededRandom) throws -> Int {
        let folder = directory + "/appendonlydir"
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".incr.aof") }
        guard let newest = names.max(by: { sequence($0) < sequence($1) }) else { throw Fault.HitNothing(what: "there is no file") }
        let path = "\(folder)/\(newest)"
        guard let bytes = FileManager.default.contents(atPath: path).map(Array.init), let cut = place(in: bytes, &random) else {
            throw Fault.HitNothing(what: "there is no transaction in the file")
        }
        guard truncate(path, off_t(cut)) == 0 else { throw Fault.HitNothing(what: "the file cannot be cut") }
        return bytes.count - cut
    }

    private static func place(in bytes: [UInt8], _ random: inout SeededRandom) -> Int? {
        guard let begin = last(beginning, in: bytes, before: bytes.count), let stop = last(end, in: bytes, before: bytes.count),
            begin < stop
        else { return nil }
        return Int.random(in: (begin + beginning.count)..<stop, using: &random)
    }

    private static func last(_ pattern: [UInt8], in bytes: [UInt8], before end: Int) -> Int? {
        stride(from: end - pattern.count, through: 0, by: -1).first {
            bytes[$0] == pattern[0] && bytes[$0..<($0 + pattern.count)].elementsEqual(pattern)
        }
    }

    private static func sequence(_ name: String) -> Int { name.split(separator: ".").compactMap { Int($0) }.first ?? 0 }
}
