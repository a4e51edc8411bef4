/// The running transfers of one loop, by their handle and by their pipe. Lives on the loop's thread and nowhere else.
/// `FetchLoop` feeds it commands; each turn lets curl work, settles what is done, pauses and times out the rest.
import CCurl

final class TransferTable {
    private let multi: UnsafeMutableRawPointer?
    private var byHandle: [UnsafeMutableRawPointer: Transfer] = [:]
    private var byPipe: [ObjectIdentifier: Transfer] = [:]
    /// No transfer times out before this; a start may bring it forward.
    private var nextCheck: ContinuousClock.Instant?

    init(multi: UnsafeMutableRawPointer?) { self.multi = multi }

    func start(_ order: TransferOrder) {
        guard let transfer = Transfer(order), curl_multi_add_handle(multi, transfer.easy) == CURLM_OK else {
            order.pipe.finish(.failure(.invalidRequest("out of memory")))
            return
        }
        byHandle[transfer.easy] = transfer
        byPipe[ObjectIdentifier(order.pipe)] = transfer
        if let due = transfer.dueTime { nextCheck = nextCheck.map { min($0, due) } ?? due }
    }

    /// A transfer that is over is no longer here: nothing happens.
    func cancel(_ pipe: BodyPipe) {
        if let transfer = byPipe[ObjectIdentifier(pipe)] { remove(transfer) }
    }

    func resume(_ pipe: BodyPipe) {
        guard let transfer = byPipe[ObjectIdentifier(pipe)] else { return }
        transfer.resume()
        if let due = transfer.dueTime { nextCheck = nextCheck.map { min($0, due) } ?? due }
    }

    /// Cost: one pass over the running transfers besides curl's own work.
    func turn() {
        var running: Int32 = 0
        curl_multi_perform(multi, &running)
        settleDone()
        for transfer in byHandle.values where transfer.isFull { transfer.pauseIfFull() }
        expire()
    }

    /// Until a clock may run out; curl shortens it by its own timers. At most a second, so that a missed wake-up heals itself.
    var waitMilliseconds: Int32 {
        guard let nextCheck else { return 1000 }
        let (seconds, attoseconds) = (nextCheck - .now).components
        if seconds >= 1 { return 1000 }
        return seconds < 0 ? 0 : Int32(attoseconds / 1_000_000_000_000_000) + 1
    }

    func endAll() {
        for transfer in byHandle.values { remove(transfer, .failure(.closed)) }
    }

    private func settleDone() {
        var easy: UnsafeMutableRawPointer?
        var code = CURLE_OK
        while ccurl_multi_next_done(multi, &easy, &code) == 1 {
            guard let easy, let transfer = byHandle[easy] else { continue }
            remove(transfer, transfer.outcome(of: code))
        }
    }

    private func expire() {
        let now = ContinuousClock.now
        guard let due = nextCheck, due <= now else { return }
        for transfer in byHandle.values {
            if let error = transfer.expired(at: now) { remove(transfer, .failure(error)) }
        }
        nextCheck = byHandle.values.compactMap(\.dueTime).min()
    }

    /// No callback follows the removal; the handle is freed with the last reference.
    private func remove(_ transfer: Transfer, _ end: Result<Void, FetchError> = .failure(.cancelled)) {
        byHandle[transfer.easy] = nil
        byPipe[ObjectIdentifier(transfer.order.pipe)] = nil
        curl_multi_remove_handle(multi, transfer.easy)
        transfer.order.pipe.finish(end)
    }
}
