/// How a bench submits: through the desk, as the API does.
internal import JobDesk
internal import JobModel

extension BenchStage {
    /// Calls under way at once when many jobs are submitted: each waits for its own answer, the connection sends them together.
    private static let submitters = 500

    func request(_ number: Int, timed: Bool, recorded: Bool) -> JobRequest {
        let kind = recorded ? Noop.recorded : Noop.unrecorded
        return JobRequest(kind: kind.name, input: Noop.input(number, timed: timed, bytes: plan.inputBytes))
    }

    /// Submits the numbers of a range as fast as this process can.
    func submit(_ numbers: Range<Int>, to tally: Tally, timed: Bool = false, recorded: Bool = false) async throws {
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
}
