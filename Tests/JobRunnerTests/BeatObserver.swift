import Glibc
import Synchronization

/// Counts a worker's beats from a thread of its own, over a socket of its own: nothing of it runs on the shared pool.
struct BeatObserver: Sendable {
    let url: String
    let flag: ConditionFlag

    /// Looks until so many beats have come, or ten seconds are over; then calls `end` and sets the flag.
    func waitForBeats(_ wanted: Int, of key: String, end: @escaping @Sendable () -> Void) {
        let path = String(url.dropFirst("unix://".count).prefix { $0 != "?" })
        let task = Unmanaged.passRetained(
            Box {
                let first = beat(path, key)
                var seen = 0
                let deadline = ContinuousClock.now + .seconds(10)
                while seen < wanted, ContinuousClock.now < deadline {
                    poll(nil, 0, 20)
                    seen = beat(path, key) - first
                }
                end()
                flag.set(seen)
            })
        var thread = pthread_t()
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<Box>.fromOpaque(argument).takeRetainedValue().body() }
                return nil
            }, task.toOpaque())
        pthread_detach(thread)
    }

    private func beat(_ path: String, _ key: String) -> Int {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix(107)) }
        _ = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
        let request = Array("HGET \(key) beat\r\n".utf8)
        write(descriptor, request, request.count)
        var answer = [UInt8](repeating: 0, count: 64)
        let count = read(descriptor, &answer, answer.count)
        let lines = String(decoding: answer.prefix(max(0, count)), as: UTF8.self).split(separator: "\r\n")
        return lines.count == 2 ? Int(lines[1]) ?? 0 : 0
    }
}

private final class Box: Sendable {
    let body: @Sendable () -> Void

    init(_ body: @escaping @Sendable () -> Void) {
        self.body = body
    }
}

/// Set once from any thread; awaited by a task.
final class ConditionFlag: Sendable {
    private let (stream, continuation) = AsyncStream<Void>.makeStream()
    private let count = Mutex(0)
    var beats: Int { count.withLock { $0 } }

    func set(_ beats: Int) {
        count.withLock { $0 = beats }
        continuation.finish()
    }

    func wait() async {
        for await _ in stream {}
    }
}
