internal import CLibPQ
internal import Logging

/// The server's notices go to the log; libpq would print them to stderr.
final class NoticeLog {
    private let logger: Logger

    init(_ logger: Logger) { self.logger = logger }

    /// The owner of the connection keeps this object alive for as long as the connection.
    func install(on connection: OpaquePointer) {
        let process: PQnoticeProcessor = { context, text in
            guard let context, let text else { return }
            Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().write(String(cString: text))
        }
        PQsetNoticeProcessor(connection, process, Unmanaged.passUnretained(self).toOpaque())
    }

    private func write(_ text: String) {
        logger.debug("Notice from PostgreSQL", metadata: ["notice": "\(text.prefix(500))"])
    }
}
