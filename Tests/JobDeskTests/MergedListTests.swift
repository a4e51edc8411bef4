import JobModel
import Testing

@testable import JobDesk

@Suite struct MergedListTests {
    /// Rows that come one a round, for ever.
    private func list(patience: Duration?) -> MergedList {
        MergedList(
            patience: patience,
            rows: { (below, _) throws(DeskError) in
                let place = JobPosition(microseconds: (below?.microseconds ?? 1_000) - 1, id: JobID())
                let job = Job(id: place.id, kind: "k", queue: "q", input: [:])
                return MergedList.Section(found: [ListedJob(job, at: place)], bottom: place)
            },
            unrecorded: { (_, _) throws(DeskError) in MergedList.Section() })
    }

    @Test func `A page goes on while it is short, but not for ever`() async throws {
        let page = try await list(patience: nil).page(below: nil, limit: 10)
        #expect(page.jobs.count == MergedList.maxRounds && page.next == page.jobs.last?.position)
    }

    @Test func `A page that took its time and has something is answered short, and the next one goes on below it`() async throws {
        let list = list(patience: .zero)
        let first = try await list.page(below: nil, limit: 10)
        #expect(first.jobs.count == 1 && first.next == first.jobs.last?.position)
        let second = try await list.page(below: first.next, limit: 10)
        #expect(second.jobs.map(\.position.microseconds) == [998])
    }
}
