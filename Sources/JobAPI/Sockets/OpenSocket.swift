internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobModel
internal import JobQueue

/// `GET /ws`: many jobs followed over one WebSocket. Whoever may not, or asks wrongly, gets a plain HTTP answer; the rest is `SocketSession`.
extension Reception {
    private static let keySalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

    func openSocket(_ exchange: Exchange) async throws -> Response {
        guard !draining.isRaised else { throw Problem.draining }
        let accept = try Reception.handshake(exchange)
        try Origins.refuseForeignSocket(exchange.request)
        let offered = Reception.subprotocols(exchange)
        let caller = try await socketCaller(exchange, offered)
        guard let place = streams.take() else { throw Problem.tooManyStreams }
        let address = exchange.caller.address
        try await SocketUpgrade.offer({ SocketSession(self, caller, address: address, place: place) }, on: exchange.channel)
        var headers: HTTPFields = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketAccept: accept]
        if offered.contains("tidewheel") { headers[.secWebSocketProtocol] = "tidewheel" }
        return Response(status: .switchingProtocols, headers: headers)
    }

    /// RFC 6455, 4.2: what a client's handshake must have; the answer to its key.
    private static func handshake(_ exchange: Exchange) throws(Problem) -> String {
        let fields = exchange.request.headers
        guard exchange.request.method == .get, has("websocket", fields[.upgrade]), has("upgrade", fields[.connection]) else {
            throw .upgradeRequired
        }
        guard fields[.secWebSocketVersion] == "13" else { throw .upgradeRequired }
        guard let key = fields[.secWebSocketKey], Base64.decode(key)?.count == 16 else {
            throw .badHeader("Sec-WebSocket-Key", "must be 16 random bytes in base64, sent once")
        }
        guard fields[.transferEncoding] == nil, fields[.contentLength].map({ $0 == "0" }) ?? true else {
            throw .badHeader("Content-Length", "must not announce a body: a WebSocket begins with none")
        }
        return Base64.encode(Digest.sha1(Array((key + keySalt).utf8)))
    }

    private static func has(_ word: String, _ field: String?) -> Bool {
        field?.split(separator: ",").contains { $0.trimmed.lowercased() == word } ?? false
    }

    private static func subprotocols(_ exchange: Exchange) -> [String] {
        exchange.header("Sec-WebSocket-Protocol")?.split(separator: ",").map(\.trimmed) ?? []
    }

    /// By `Authorization`, by the subprotocol `tidewheel.key.<key>`, or nil: then the first message brings the key.
    private func socketCaller(_ exchange: Exchange, _ offered: [String]) async throws(Problem) -> Caller? {
        let address = exchange.caller.address
        guard doorkeeper.asksForKeys else { return exchange.caller }
        if exchange.header("Authorization") != nil {
            return try await charged(doorkeeper.admit(exchange.request, to: .read, from: address))
        }
        let prefix = "tidewheel.key."
        guard let key = offered.first(where: { $0.hasPrefix(prefix) }) else { return nil }
        return try await admitSocket(key: String(key.dropFirst(prefix.count)), from: address)
    }

    func admitSocket(key: String, from address: String?) async throws(Problem) -> Caller {
        try await charged(doorkeeper.admit(key: key, to: .read, from: address))
    }

    /// A connection counts as one request.
    private func charged(_ caller: Caller) async throws(Problem) -> Caller {
        if let key = caller.key, let allowance = await allowances.take(key), !allowance.isGranted {
            throw .overQuota(.requests, retryAfter: Int(RateHeaders.seconds(allowance.nextInMilliseconds)))
        }
        return caller
    }
}

extension Problem {
    static let upgradeRequired: Problem = {
        var problem = Problem(
            .upgradeRequired, "upgrade-required", "A WebSocket is spoken here",
            "Ask with GET, Connection: Upgrade, Upgrade: websocket, and Sec-WebSocket-Version: 13.")
        problem.headers = [.upgrade: "websocket", .connection: "Upgrade", .secWebSocketVersion: "13"]
        return problem
    }()
}

extension Substring {
    fileprivate var trimmed: String {
        var rest = drop { $0 == " " || $0 == "\t" }
        while rest.last == " " || rest.last == "\t" { rest.removeLast() }
        return String(rest)
    }
}
