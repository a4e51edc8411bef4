/// Between the loop thread that receives a response and the one task that reads it: the head, bytes on their way, the end.
/// `Transfer` fills it, `Fetcher` and `FetchBody` empty it. Holds at most `highWater` plus what one read of the socket unpacks to.
import Synchronization

final class BodyPipe: Sendable {
    static let highWater = 256 << 10

    typealias HeadResult = Result<ResponseHead, FetchError>
    typealias ChunkResult = Result<[UInt8]?, FetchError>

    private struct State {
        var head: ResponseHead?
        /// One `fetch` waits, once.
        var headWaiter: CheckedContinuation<HeadResult, Never>?
        /// Everything not read yet; the reader takes it whole, so nothing is ever shifted.
        var chunk: [UInt8] = []
        /// Set only while `chunk` is empty.
        var chunkWaiter: CheckedContinuation<ChunkResult, Never>?
        /// The loop has paused the transfer; the next read must ask for more.
        var isPaused = false
        /// Success or the reason of the failure; nothing is accepted after it.
        var end: Result<Void, FetchError>?
    }
    /// Continuations are resumed outside of the lock: a resumed task may come straight back.
    private let state = Mutex(State())

    // MARK: the loop thread

    func received(head: ResponseHead) {
        let waiter = state.withLock { state in
            state.head = head
            return state.headWaiter.take()
        }
        waiter?.resume(returning: .success(head))
    }

    /// True when the reader is behind and the transfer should pause after this turn.
    func received(_ bytes: UnsafeRawBufferPointer) -> Bool {
        let (waiter, chunk, isFull): (CheckedContinuation<ChunkResult, Never>?, [UInt8], Bool) = state.withLock { state in
            guard state.end == nil else { return (nil, [], false) }
            if let waiter = state.chunkWaiter.take() { return (waiter, Array(bytes), false) }
            state.chunk.append(contentsOf: bytes)
            return (nil, [], state.chunk.count >= Self.highWater)
        }
        waiter?.resume(returning: .success(chunk))
        return isFull
    }

    /// False when the reader caught up in the meantime. After true the reader's next read asks the loop to go on.
    func pauseIfFull() -> Bool {
        state.withLock { state in
            state.isPaused = state.end == nil && state.chunk.count >= Self.highWater
            return state.isPaused
        }
    }

    /// The first end counts, and gives true. Bytes received before a good or a bad end can still be read; after a cancel they are dropped.
    @discardableResult
    func finish(_ end: Result<Void, FetchError>) -> Bool {
        let (headWaiter, chunkWaiter, end, isFirst) = state.withLock { state in
            let isFirst = state.end == nil
            // A good end without a head is none: nobody may wait for that head.
            let end = state.end ?? (state.head == nil ? end.flatMap { .failure(.protocolViolation("the server")) } : end)
            state.end = end
            if case .failure(.cancelled) = end { state.chunk = [] }
            return (state.headWaiter.take(), state.chunkWaiter.take(), end, isFirst)
        }
        if case .failure(let error) = end { headWaiter?.resume(returning: .failure(error)) }
        chunkWaiter?.resume(returning: end.map { nil })
        return isFirst
    }

    // MARK: the reader

    func awaitHead(_ waiter: CheckedContinuation<HeadResult, Never>) {
        let ready: HeadResult? = state.withLock { state in
            if let head = state.head { return .success(head) }
            if case .failure(let error) = state.end { return .failure(error) }
            state.headWaiter = waiter
            return nil
        }
        if let ready { waiter.resume(returning: ready) }
    }

    /// True when the transfer was paused and room has become free.
    func awaitChunk(_ waiter: CheckedContinuation<ChunkResult, Never>) -> Bool {
        let (ready, mustResume): (ChunkResult?, Bool) = state.withLock { state in
            if !state.chunk.isEmpty {
                let chunk = state.chunk
                state.chunk = []
                defer { state.isPaused = false }
                return (.success(chunk), state.isPaused)
            }
            if let end = state.end { return (end.map { nil }, false) }
            if state.chunkWaiter != nil { return (.failure(.invalidRequest("two tasks read one body")), false) }
            state.chunkWaiter = waiter
            return (nil, false)
        }
        if let ready { waiter.resume(returning: ready) }
        return mustResume
    }
}
