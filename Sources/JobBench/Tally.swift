/// Who ran, how often and when: a file that the bench and its workers map into memory.
/// One count costs nanoseconds, needs no server, and survives the process that made it.
import Glibc
import Synchronization

package final class Tally: @unchecked Sendable {
    /// A head, which keeps an empty tally from being an empty file, then per job: moment of submission, moment of start (both only where asked for), number of runs. Pages nobody writes cost nothing.
    private static let headBytes = 64
    private static let jobBytes = 17
    package let path: String
    package let capacity: Int
    private let base: UnsafeMutableRawPointer
    private let size: Int

    /// A new file with no runs, or the same one emptied.
    package convenience init(creating path: String, capacity: Int) throws(BenchError) {
        let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard file >= 0 else { throw BenchError("\(path) could not be made: \(String(cString: strerror(errno)))") }
        defer { close(file) }
        guard ftruncate(file, Tally.headBytes + Tally.jobBytes * capacity) == 0 else {
            throw BenchError("\(path) could not be made: \(String(cString: strerror(errno)))")
        }
        try self.init(mapping: file, path)
    }

    package convenience init(opening path: String) throws(BenchError) {
        let file = open(path, O_RDWR | O_CLOEXEC)
        guard file >= 0 else { throw BenchError("\(path) could not be opened: \(String(cString: strerror(errno)))") }
        defer { close(file) }
        try self.init(mapping: file, path)
    }

    private init(mapping file: Int32, _ path: String) throws(BenchError) {
        var status = stat()
        guard fstat(file, &status) == 0, status.st_size >= Tally.headBytes,
            (Int(status.st_size) - Tally.headBytes).isMultiple(of: Tally.jobBytes),
            let base = mmap(nil, Int(status.st_size), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0), base != MAP_FAILED
        else { throw BenchError("\(path) is no tally of a bench") }
        self.path = path
        self.base = base
        size = Int(status.st_size)
        capacity = (size - Tally.headBytes) / Tally.jobBytes
    }

    deinit { munmap(base, size) }

    /// False for a number that is not in this tally. Any number of threads and processes may count.
    @discardableResult
    package func ran(_ number: Int, timed: Bool = false) -> Bool {
        guard (0..<capacity).contains(number) else { return false }
        // The first start counts: a second run shows in the number of runs.
        if timed {
            let start = word(Tally.headBytes + 8 * (capacity + number))
            _ = start.pointee.compareExchange(expected: 0, desired: Monotonic.now, ordering: .relaxed)
        }
        count(number).pointee.add(1, ordering: .relaxed)
        return true
    }

    package func submitted(_ number: Int) {
        guard (0..<capacity).contains(number) else { return }
        word(Tally.headBytes + 8 * number).pointee.store(Monotonic.now, ordering: .relaxed)
    }

    /// At most 255; more wraps, but such a job is not unseen: its attempt number says so too.
    package func runs(of number: Int) -> Int { Int(count(number).pointee.load(ordering: .relaxed)) }

    /// From just before its submission to the start of its handler, in microseconds; nil where one of the two was not noted.
    package func wait(of number: Int) -> Double? {
        let submitted = word(Tally.headBytes + 8 * number).pointee.load(ordering: .relaxed)
        let started = word(Tally.headBytes + 8 * (capacity + number)).pointee.load(ordering: .relaxed)
        return submitted > 0 && started >= submitted ? Double(started - submitted) / 1000 : nil
    }

    private func word(_ offset: Int) -> UnsafeMutablePointer<Atomic<UInt64>> {
        base.advanced(by: offset).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    private func count(_ number: Int) -> UnsafeMutablePointer<Atomic<UInt8>> {
        base.advanced(by: Tally.headBytes + 16 * capacity + number).assumingMemoryBound(to: Atomic<UInt8>.self)
    }
}
