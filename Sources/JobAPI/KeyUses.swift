internal import JobLedger
internal import JobModel
internal import Logging
internal import Synchronization

/// When keys were last used: noted in memory by every request, written down now and then. What a killed process had not written is lost.
final class KeyUses: Sendable {
    private struct Use {
        var last: Timestamp
        /// What this process wrote last.
        var written: Timestamp?

        var isDue: Bool {
            written.map { last.milliseconds - $0.milliseconds >= APIKey.useMilliseconds } ?? true
        }
    }

    private static let interval = Duration.seconds(1)
    private let uses = Mutex<[String: Use]>([:])

    /// Costs no SQL.
    func note(_ id: String) {
        uses.withLock { $0[id, default: Use(last: .now)].last = .now }
    }

    /// Until it is cancelled; then once more, so that a process that leaves takes little with it.
    func keepWriting(to ledger: JobLedger, _ logger: Logger) async {
        while !Task.isCancelled {
            try? await Task.sleep(for: KeyUses.interval)
            await Task { await self.write(to: ledger, logger) }.value
        }
    }

    /// What cannot be written is tried again with the next use.
    private func write(to ledger: JobLedger, _ logger: Logger) async {
        let due = uses.withLock { $0.filter(\.value.isDue).mapValues(\.last) }
        guard !due.isEmpty else { return }
        do { try await ledger.noteUses(due) } catch {
            logger.debug("The last use of keys could not be written down", metadata: ["error": "\(error)"])
            return
        }
        uses.withLock { uses in for (id, at) in due { uses[id]?.written = at } }
    }
}
