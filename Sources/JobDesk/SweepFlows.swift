internal import JobLedger
package import JobModel
internal import JobQueue
internal import PostgresWire
internal import RedisWire

extension JobDesk {
    /// How many rows one look at Redis takes.
    private static let sweepPage = 500

    /// Lets go what a crash left waiting: children that nobody released, and released ones that Redis still calls waiting or has lost.
    /// May run anywhere, any number of times. Returns how many jobs it moved, and where the next call goes on: the second part looks at
    /// `pages` pages a call, so that a large backlog costs little each time.
    package func sweepFlows(after cursor: JobID?, pages: Int = 10) async throws(DeskError) -> (moved: Int, next: JobID?) {
        var moved = try await releaseForgotten()
        var last = cursor
        for _ in 0..<pages {
            let from = last
            let rows = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.heldInFlows(after: from, limit: JobDesk.sweepPage)
            })
            moved += try await mend(rows)
            last = rows.last?.id
            guard rows.count == JobDesk.sweepPage else { return (moved, nil) }
        }
        return (moved, last)
    }

    private func releaseForgotten() async throws(DeskError) -> Int {
        var moved = 0
        while true {
            let released = try await asking(postgres: { () throws(PostgresError) in
                try await ledger.releaseForgotten(limit: JobDesk.sweepPage, at: .now)
            })
            try await follow(released)
            moved += released.count
            // What was cancelled may have children; the next round finds them.
            if released.isEmpty { return moved }
        }
    }

    private func mend(_ rows: [Job]) async throws(DeskError) -> Int {
        let states = try await asking(redis: { () throws(RedisError) in try await queue.states(of: rows.map(\.id)) })
        let behind = rows.filter { row in
            guard let state = states[row.id] else { return true }
            return state == .waiting && row.state != .waiting
        }
        let waiting = behind.filter { $0.state == .waiting }
        _ = try await asking(redis: { () throws(RedisError) in try await queue.enqueue(waiting) })
        try await inParallel(behind.filter { $0.state != .waiting }) { (row) throws(RedisError) in _ = try await queue.ready(row) }
        return behind.count
    }
}
