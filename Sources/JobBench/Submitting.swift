/// How a bench submits: through the desk, as the API does.
internal import JobDesk
internal import JobModel
internal import JobQueue
internal import RedisWire

extension BenchStage {
    /// Calls under way at once when many jobs are submitted: each waits for its own answer, the connection sends them together.
    private static let submitters = 500
    private static let batch = 200
    private static let batchesAtOnce = 4

    func request(_ number: Int, timed: Bool, recorded: Bool) -> JobRequest {
        let kind = recorded ? Noop.recorded : Noop.unrecorded
        return JobRequest(kind: kind.name, input: Noop.input(number, timed: timed, bytes: plan.inputBytes))
    }

    /// Submits the numbers of a range as fast as this process can: unrecorded ones in batches, as a batch of a caller is queued;
    /// recorded and timed ones by themselves, many at once.
    func submit(_ numbers: Range<Int>, to tally: Tally, timed: Bool = false, recorded: Bool = false) async throws {
        guard timed || recorded else { return try await submitBatches(numbers) }
        let turns = Turns(numbers)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<min(BenchStage.submitters, numbers.count) {
                group.addTask {
                    while let number = turns.next() {
                        let request = request(number, timed: timed, recorded: recorded)
                        if timed { tally.submitted(number) }
                        _ = try await desk.submit(request)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func submitBatches(_ numbers: Range<Int>) async throws {
        let size = BenchStage.batch
        let turns = Turns(0..<(numbers.count + size - 1) / size)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<BenchStage.batchesAtOnce {
                group.addTask {
                    while let turn = turns.next() {
                        let first = numbers.lowerBound + turn * size
                        try await submitBatch(first..<min(first + size, numbers.upperBound))
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private func submitBatch(_ numbers: Range<Int>) async throws {
        let answers = try await queue.enqueue(numbers.map { job($0, of: Noop.unrecorded) })
        guard answers.allSatisfy({ $0 == .accepted }) else { throw BenchError("A fresh job was not accepted.") }
    }

    func job(_ number: Int, of kind: JobKind) -> Job {
        Job(
            id: JobID(), kind: kind.name, queue: kind.queue, priority: .medium,
            input: Noop.input(number, timed: false, bytes: plan.inputBytes), metadata: [:], isRecorded: kind.isRecorded,
            maxAttempts: kind.retry.maxAttempts, timeoutMilliseconds: kind.timeoutMilliseconds,
            estimatedMilliseconds: kind.estimatedMilliseconds)
    }
}
