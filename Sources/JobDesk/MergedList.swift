package import JobModel

/// A page of a list that both stores feed.
package struct JobPage: Sendable {
    package let jobs: [ListedJob]
    /// Where the next page begins; nil at the end. A page may be shorter than asked for and still have a next one.
    package let next: JobPosition?
}

/// One list made of two: what rows say, and what only Redis has. Both are ordered alike; each source says how far down it has looked,
/// and nothing below that is given out, so that a page never skips what the other source still has.
struct MergedList {
    /// What a source found below a position, newest first, down to and with `bottom`; nil: there is nothing further.
    struct Section {
        var found: [ListedJob] = []
        var bottom: JobPosition?
    }

    /// More rounds are needed only where live state disagrees with what was asked for; then a short page is answered.
    static let maxRounds = 4

    /// After this a page that has something is answered as it is.
    var patience: Duration?
    let rows: (_ below: JobPosition?, _ limit: Int) async throws(DeskError) -> Section
    /// Looks no further down than `floor`.
    let unrecorded: (_ below: JobPosition?, _ floor: JobPosition?) async throws(DeskError) -> Section

    func page(below: JobPosition?, limit: Int) async throws(DeskError) -> JobPage {
        var jobs: [ListedJob] = []
        var place = below
        let begin = ContinuousClock.now
        for _ in 0..<MergedList.maxRounds {
            let wanted = limit - jobs.count
            let first = try await rows(place, wanted + 1)
            let second = try await unrecorded(place, first.bottom)
            let bottom = [first.bottom, second.bottom].compactMap(\.self).max()
            let merged = (first.found + second.found).filter { job in bottom.map { job.position >= $0 } != false }
            jobs += merged.sorted { $0.position > $1.position }.prefix(wanted)
            if merged.count > wanted { return JobPage(jobs: jobs, next: jobs.last?.position) }
            place = bottom
            if bottom == nil || jobs.count == limit { break }
            if let patience, !jobs.isEmpty, begin.duration(to: .now) > patience { break }
        }
        return JobPage(jobs: jobs, next: place)
    }
}
