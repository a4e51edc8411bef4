/// The body of a response as it arrives, for one reader. A reader that stops reading stops the sender.
/// When the last reference goes, or the reading task is cancelled, the transfer ends and its connection is closed.
package struct FetchBody: AsyncSequence, Sendable {
    package typealias Element = [UInt8]
    package typealias Failure = FetchError

    let source: Source

    package struct AsyncIterator: AsyncIteratorProtocol {
        let source: Source

        package mutating func next(isolation actor: isolated (any Actor)?) async throws(FetchError) -> [UInt8]? {
            try await source.next()
        }
    }

    package func makeAsyncIterator() -> AsyncIterator { AsyncIterator(source: source) }

    /// The whole body; `FetchLimits.maxBodyBytes` bounds it.
    package func collect() async throws(FetchError) -> [UInt8] {
        var all: [UInt8] = []
        while let chunk = try await source.next() { all.append(contentsOf: chunk) }
        return all
    }

    /// Owns the reading end: its deinit is what ends an abandoned transfer.
    final class Source: Sendable {
        private let pipe: BodyPipe
        private let loop: FetchLoop

        init(pipe: BodyPipe, loop: FetchLoop) {
            self.pipe = pipe
            self.loop = loop
        }

        deinit { loop.cancel(pipe) }

        func next() async throws(FetchError) -> [UInt8]? {
            let result = await withTaskCancellationHandler {
                await withCheckedContinuation { waiter in
                    if pipe.awaitChunk(waiter) { loop.resume(pipe) }
                }
            } onCancel: {
                loop.cancel(pipe)
            }
            return try result.get()
        }
    }
}
