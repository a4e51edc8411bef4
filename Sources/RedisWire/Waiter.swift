import NIOCore
import Synchronization

/// Who waits for the replies of one command or pipeline. It is answered exactly once; a cancelled one keeps its place in the line, so that
/// its replies are consumed and nobody else's shift.
final class Waiter: Sendable {
    typealias Completion = @Sendable (Result<RedisReply, RedisError>) -> Void

    private enum Phase: Sendable {
        case new
        case waiting(Completion)
        case answered
    }

    /// Absolute, and set at the call: waiting for a connection, for the socket and for the reply all count.
    let deadline: NIODeadline
    private let phase = Mutex(Phase.new)

    init(deadline: NIODeadline, completion: Completion? = nil) {
        self.deadline = deadline
        if let completion { wait(completion) }
    }

    /// False, and nothing stored, when the waiter was cancelled before it began.
    @discardableResult
    func wait(_ completion: @escaping Completion) -> Bool {
        phase.withLock {
            guard case .new = $0 else { return false }
            $0 = .waiting(completion)
            return true
        }
    }

    /// The first call counts, from whichever thread; the completion runs on it, outside the lock.
    func finish(_ result: Result<RedisReply, RedisError>) {
        let completion = phase.withLock { phase -> Completion? in
            defer { phase = .answered }
            guard case .waiting(let completion) = phase else { return nil }
            return completion
        }
        completion?(result)
    }

    var isAnswered: Bool {
        phase.withLock { if case .answered = $0 { true } else { false } }
    }
}

/// A waiter's place in a line: how many replies it takes and how many bytes its commands have.
struct Place {
    let waiter: Waiter
    /// More than one for a pipeline.
    var remaining: Int
    /// Length of the encoded commands, for cutting them out of an outbox that was not sent.
    let bytes: Int
    let isPipeline: Bool
    var replies: [RedisReply] = []

    init(_ waiter: Waiter, replies: Int, bytes: Int, isPipeline: Bool) {
        self.waiter = waiter
        remaining = replies
        self.bytes = bytes
        self.isPipeline = isPipeline
    }

    /// True when this was the last reply, and the waiter has its answer.
    mutating func receive(_ reply: RedisReply) -> Bool {
        remaining -= 1
        if isPipeline {
            replies.append(reply)
            if remaining == 0 { waiter.finish(.success(.array(replies))) }
        } else if case .error(let error) = reply {
            waiter.finish(.failure(.server(error)))
        } else {
            waiter.finish(.success(reply))
        }
        return remaining == 0
    }
}
