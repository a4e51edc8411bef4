internal import Glibc
internal import Synchronization

/// Says "stop waiting" to the thread that waits for a statement's answer. Raised by whoever cancels the waiting task; belongs to one call,
/// so a late signal can never hit the next statement of the same connection.
final class StopSignal: Sendable {
    private struct State {
        var isRaised = false
        var wake: WakePipe?
    }
    private let state = Mutex(State())

    var isRaised: Bool { state.withLock { $0.isRaised } }

    func raise() {
        state.withLock {
            $0.isRaised = true
            $0.wake?.write()
        }
    }

    /// From now on raising wakes `pipe`'s reader.
    func attach(_ pipe: WakePipe) { state.withLock { $0.wake = pipe } }

    /// After this returns the pipe gets no byte of this signal any more.
    func detach() { state.withLock { $0.wake = nil } }
}

/// A pipe whose reading end sits beside the socket in `poll`.
final class WakePipe: Sendable {
    let readEnd: CInt
    private let writeEnd: CInt

    init?() {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        readEnd = ends[0]
        writeEnd = ends[1]
    }

    deinit {
        close(readEnd)
        close(writeEnd)
    }

    func write() {
        var byte: UInt8 = 1
        _ = Glibc.write(writeEnd, &byte, 1)
    }

    func drain() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while Glibc.read(readEnd, &bytes, bytes.count) > 0 {}
    }
}

/// What `poll` saw on a socket and a pipe.
struct Readiness {
    let socketIsReadable: Bool
    let socketIsWritable: Bool
    let wasWoken: Bool

    /// Waits until the socket is ready, the pipe has a byte, or the time is over. A dead socket counts as readable: reading tells why.
    static func wait(socket: CInt, writable: Bool, wake: WakePipe?, until deadline: ContinuousClock.Instant) -> Readiness {
        let wanted = Int16(POLLIN) | (writable ? Int16(POLLOUT) : 0)
        var entries = [
            pollfd(fd: socket, events: wanted, revents: 0), pollfd(fd: wake?.readEnd ?? -1, events: Int16(POLLIN), revents: 0),
        ]
        let left = ContinuousClock.now.duration(to: deadline)
        // Rounded up, or the last millisecond would be spent spinning; a deadline that is over only looks.
        _ = poll(&entries, 2, left > .zero ? CInt(clamping: left.wholeMilliseconds + 1) : 0)
        let seen = Int32(entries[0].revents)
        return Readiness(
            socketIsReadable: seen & (POLLIN | POLLERR | POLLHUP | POLLNVAL) != 0, socketIsWritable: seen & POLLOUT != 0,
            wasWoken: entries[1].revents != 0)
    }
}
