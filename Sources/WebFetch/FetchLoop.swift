/// The one thread that owns a CURLM: takes orders from a mailbox, runs the transfers, watches their clocks.
/// Everything that touches curl happens here; the mailbox and `curl_multi_wakeup` are the only ways in.
import CCurl
import Glibc
import Synchronization

final class FetchLoop: Sendable {
    private enum Command {
        case start(TransferOrder)
        case cancel(BodyPipe)
        case resume(BodyPipe)
    }

    private struct Mailbox {
        var commands: [Command] = []
        var isStopping = false
        /// The thread has ended or is about to free the CURLM: no wakeup may follow.
        var isGone = false
        var closers: [CheckedContinuation<Void, Never>] = []
    }

    private let mailbox = Mutex(Mailbox())
    /// Freed by the thread at its end; others only wake it, under the mailbox's lock and while `isGone` is false.
    private nonisolated(unsafe) let multi: UnsafeMutableRawPointer?
    private static let initialised: Bool = curl_global_init(Int(CURL_GLOBAL_DEFAULT)) == CURLE_OK

    init(maxConnections: Int, maxConnectionsPerHost: Int) {
        multi = Self.initialised ? curl_multi_init() : nil
        _ = ccurl_multi_set_long(multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, maxConnections)
        _ = ccurl_multi_set_long(multi, CURLMOPT_MAX_HOST_CONNECTIONS, maxConnectionsPerHost)
        _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, maxConnections)
        if multi == nil || !startThread() { mailbox.withLock { $0.isGone = true } }
    }

    func start(_ order: TransferOrder) {
        if !post(.start(order)) { order.pipe.finish(.failure(.closed)) }
    }

    /// The reader is told at once; the transfer follows on the loop's next turn.
    func cancel(_ pipe: BodyPipe) {
        if pipe.finish(.failure(.cancelled)) { post(.cancel(pipe)) }
    }

    func resume(_ pipe: BodyPipe) { post(.resume(pipe)) }

    func stop() {
        mailbox.withLock { mailbox in
            mailbox.isStopping = true
            if !mailbox.isGone { curl_multi_wakeup(multi) }
        }
    }

    /// May be called again, and by several tasks; all return when the thread is gone.
    func close() async {
        stop()
        await withCheckedContinuation { closer in
            let isGone = mailbox.withLock { mailbox in
                if !mailbox.isGone { mailbox.closers.append(closer) }
                return mailbox.isGone
            }
            if isGone { closer.resume() }
        }
    }

    @discardableResult
    private func post(_ command: Command) -> Bool {
        mailbox.withLock { mailbox in
            guard !mailbox.isStopping, !mailbox.isGone else { return false }
            mailbox.commands.append(command)
            curl_multi_wakeup(multi)
            return true
        }
    }

    // MARK: the thread

    /// The thread keeps the loop alive until it is stopped: an own thread, because `curl_multi_poll` blocks.
    private func startThread() -> Bool {
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        defer { pthread_attr_destroy(&attributes) }
        pthread_attr_setstacksize(&attributes, 512 << 10)
        pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
        var thread = pthread_t()
        let context = Unmanaged.passRetained(self).toOpaque()
        let code = pthread_create(
            &thread, &attributes,
            { context in
                guard let context else { return nil }
                Unmanaged<FetchLoop>.fromOpaque(context).takeRetainedValue().run()
                return nil
            }, context)
        if code != 0 { Unmanaged<FetchLoop>.fromOpaque(context).release() }
        return code == 0
    }

    private func run() {
        // OpenSSL writes without MSG_NOSIGNAL: a peer that went away would end the process with SIGPIPE.
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let transfers = TransferTable(multi: multi)
        while let commands = take() {
            for command in commands {
                switch command {
                case .start(let order): transfers.start(order)
                case .cancel(let pipe): transfers.cancel(pipe)
                case .resume(let pipe): transfers.resume(pipe)
                }
            }
            transfers.turn()
            curl_multi_poll(multi, nil, 0, transfers.waitMilliseconds, nil)
        }
        transfers.endAll()
        leave()
    }

    /// Nil when the loop is to end.
    private func take() -> [Command]? {
        mailbox.withLock { mailbox in
            defer { mailbox.commands = [] }
            return mailbox.isStopping ? nil : mailbox.commands
        }
    }

    /// From here on nobody may touch the CURLM: `isGone` first, then the clean-up.
    private func leave() {
        let (closers, left) = mailbox.withLock { mailbox in
            mailbox.isGone = true
            defer { (mailbox.closers, mailbox.commands) = ([], []) }
            return (mailbox.closers, mailbox.commands)
        }
        for case .start(let order) in left { order.pipe.finish(.failure(.closed)) }
        curl_multi_cleanup(multi)
        for closer in closers { closer.resume() }
    }
}
