import NIOCore

/// A connection's event loop as a place to run tasks. A task there goes on the moment its reply was read, and what it sends next leaves in the
/// same turn: no thread wakes another. Only for code that never blocks and computes little: the loop serves other connections too.
final class RedisExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) {
        self.loop = loop
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
