package import JobModel
package import RedisWire
internal import Synchronization

/// The feeds of the jobs that somebody in this process watches.
final class Watchers: Sendable {
    private let feeds = Mutex<[JobID: JobFeed]>([:])

    func feed(of id: JobID, _ queue: JobQueue) -> JobFeed {
        feeds.withLock { feeds in
            if let feed = feeds[id] { return feed }
            let feed = JobFeed(id, of: queue)
            feeds[id] = feed
            return feed
        }
    }

    func remove(_ feed: JobFeed, of id: JobID) {
        feeds.withLock { if $0[id] === feed { $0[id] = nil } }
    }

    var count: Int { feeds.withLock(\.count) }
}

extension JobQueue {
    /// Jobs that somebody in this process watches.
    package var watchedJobs: Int { watchers.count }

    /// Everything that happens to a job after event number `sequence`: subscribed first, then what was missed, then live. Nothing is missed
    /// or told twice; where the log was trimmed the watcher gets `gap` and `snapshot` instead.
    /// `withTokens` also hears what models say, as it is said: of that nothing is repeated.
    /// Everything is put into `box` under `mark`.
    /// A job that Redis does not know is asked of `row`: its end is told, a live one is waited for, and nil ends the watch.
    package func watch(
        _ id: JobID, after sequence: Int64?, withTokens: Bool = false, into box: EventBox, mark: Int = 0,
        row: @escaping JobWatch.Row = { _ in nil }
    ) async throws(RedisError) -> WatchPlace {
        // A feed counts on from it: no number may be so great that it cannot.
        let last = min(max(sequence ?? 0, 0), JobEvent.greatestNumber)
        while true {
            let feed = watchers.feed(of: id, self)
            let watcher = JobFeed.Watcher(box: box, mark: mark, withTokens: withTokens, last: last)
            if let number = try await feed.join(watcher, row: row) { return WatchPlace(feed, number) }
        }
    }

    /// The same for a reader of one job.
    package func watch(
        _ id: JobID, after sequence: Int64?, withTokens: Bool = false, row: @escaping JobWatch.Row = { _ in nil }
    ) async throws(RedisError) -> JobWatch {
        let box = EventBox()
        let place = try await watch(id, after: sequence, withTokens: withTokens, into: box, row: row)
        return JobWatch(place, box, last: sequence ?? 0) { last throws(RedisError) in
            try await self.watch(id, after: last, withTokens: withTokens, into: box, row: row)
        }
    }
}

/// Held as long as a job is watched: letting go of it ends the watch.
package final class WatchPlace: Sendable {
    private let feed: JobFeed
    private let number: Int

    init(_ feed: JobFeed, _ number: Int) {
        self.feed = feed
        self.number = number
    }

    deinit {
        feed.leave(number)
    }
}
