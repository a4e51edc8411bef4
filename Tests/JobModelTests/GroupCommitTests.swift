import JobModel
import Synchronization
import Testing

/// Batches that may go two at once: nobody is forgotten, nobody is answered twice, and never are there three.
@Suite(.timeLimit(.minutes(1))) struct GroupCommitTests {
    struct Request: BatchedRequest {
        static let mustBeAlone = false
        let jobID = JobID()
        let number: Int
        let size = 1
    }

    struct Refusal: Error {}

    private final class Store: Sendable {
        private let state = Mutex((underWay: 0, most: 0, largest: 0))
        var most: Int { state.withLock { $0.most } }
        var largest: Int { state.withLock { $0.largest } }

        func commit(_ requests: [Request]) async throws(Refusal) -> [Int] {
            state.withLock { state in
                state.underWay += 1
                state.most = max(state.most, state.underWay)
                state.largest = max(state.largest, requests.count)
            }
            for _ in 0..<Int.random(in: 0...20) { await Task.yield() }
            state.withLock { $0.underWay -= 1 }
            if requests.contains(where: { $0.number % 100 == 7 }) { throw Refusal() }
            return requests.map { -$0.number }
        }
    }

    @Test func everyRequestOfManyCallersIsAnsweredOnce() async {
        let store = Store()
        let commits = GroupCommit<Request, Int, Refusal>(limit: 16, atOnce: 2, isolates: { _ in true }) { requests throws(Refusal) in
            try await store.commit(requests)
        }
        let answers = await withTaskGroup(of: (Int, Result<Int, Refusal>).self) { group in
            for number in 1...1000 {
                group.addTask {
                    let answer = await withCheckedContinuation { waiter in
                        commits.submit(Request(number: number)) { waiter.resume(returning: $0) }
                    }
                    return (number, answer)
                }
            }
            return await group.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
        #expect(answers.count == 1000)
        for (number, answer) in answers {
            if case .success(let value) = answer { #expect(value == -number && number % 100 != 7) } else { #expect(number % 100 == 7) }
        }
        #expect((1...2).contains(store.most))
        #expect(store.largest <= 16)
    }
}
