package import Logging
import NIOCore
import NIOPosix
import Synchronization

/// Runs one script at an interval on an OS thread and a connection of its own. Nothing on its path uses the shared concurrency threads, so
/// handlers that block all of them do not stop it. Costs a thread and a socket, so a process has one.
///
/// A beat that gets no answer within the command timeout is reported as a failure, and the next tick is a new beat: the pulse never gives up.
package final class RedisPulse: Sendable {
    package typealias Call = @Sendable () -> (keys: [String], arguments: [RedisArgument])

    /// Its thread, its socket and its timer live and end together.
    private struct Running {
        let group: MultiThreadedEventLoopGroup
        let link: RedisLink
        let timer: RepeatedTask
    }

    private let address: RedisAddress
    private let options: RedisOptions
    private let interval: Duration
    private let script: RedisScript
    private let call: Call
    private let onReply: @Sendable (Result<RedisReply, RedisError>) -> Void
    private let logger: Logger
    private let running = Mutex<Running?>(nil)

    /// `call` and `onReply` run on the pulse's thread and must not block.
    package init(
        _ address: RedisAddress, options: RedisOptions, interval: Duration, script: RedisScript, call: @escaping Call,
        onReply: @escaping @Sendable (Result<RedisReply, RedisError>) -> Void, logger: Logger
    ) {
        self.address = address
        self.options = options
        self.interval = interval
        self.script = script
        self.call = call
        self.onReply = onReply
        self.logger = logger
    }

    deinit {
        if let running = running.withLock({ $0.take() }) { RedisPulse.end(running) {} }
    }

    /// The first beat goes out at once. Starting twice is starting once.
    package func start() {
        running.withLock { running in
            guard running == nil else { return }
            let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
            let link = RedisLink(address, options: options, loop: group.any(), logger: logger)
            let beat = self.beat(over: link)
            let timer = link.loop.scheduleRepeatedTask(initialDelay: .zero, delay: TimeAmount(interval)) { _ in beat() }
            running = Running(group: group, link: link, timer: timer)
        }
    }

    /// One beat at a time: while one waits for its reply the next ticks are left out.
    private func beat(over link: RedisLink) -> @Sendable () -> Void {
        let isWaiting = Atomic(false)
        let shared = Box(isWaiting)
        let (script, call, onReply, timeout) = (script, call, onReply, options.commandTimeout)
        return {
            guard !shared.value.exchange(true, ordering: .acquiringAndReleasing) else { return }
            let (keys, arguments) = call()
            let end: Waiter.Completion = { result in
                shared.value.store(false, ordering: .releasing)
                onReply(result)
            }
            link.run(script, keys: keys, arguments: arguments, timeout: timeout, bySource: false, end)
        }
    }

    /// Ends the beats, the connection and the thread. No reply is reported after it returns.
    package func stop() async {
        guard let running = running.withLock({ $0.take() }) else { return }
        await withCheckedContinuation { ended in RedisPulse.end(running) { ended.resume() } }
    }

    private static func end(_ running: Running, _ ended: @escaping @Sendable () -> Void) {
        running.timer.cancel()
        running.link.close()
        running.group.shutdownGracefully { _ in ended() }
    }
}

/// `Atomic` cannot be captured; this is one on the heap.
private final class Box: Sendable {
    let value: Atomic<Bool>

    init(_ value: consuming Atomic<Bool>) {
        self.value = value
    }
}

extension RedisLink {
    /// EVALSHA and, on NOSCRIPT, EVAL once, by callbacks.
    fileprivate func run(
        _ script: RedisScript, keys: [String], arguments: [RedisArgument], timeout: Duration, bySource: Bool,
        _ completion: @escaping Waiter.Completion
    ) {
        let waiter = Waiter(deadline: .now() + TimeAmount(timeout)) { result in
            guard !bySource, case .failure(.server(let error)) = result, error.reaction == .sendSource else { return completion(result) }
            self.run(script, keys: keys, arguments: arguments, timeout: timeout, bySource: true, completion)
        }
        send(waiter, replies: 1) { $0.writeCommand(script.command(bySource: bySource, keys: keys, arguments: arguments)) }
    }
}
