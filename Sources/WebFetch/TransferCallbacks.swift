/// What curl calls during a transfer: headers, body, each address before it is dialled, each request before it is sent.
/// The context is the `Transfer`, which `TransferTable` keeps alive until its handle is removed.
import CCurl
import Glibc

extension Transfer {
    func installCallbacks() {
        let context = Unmanaged.passUnretained(self).toOpaque()
        _ = ccurl_set_header(easy) { bytes, size, count, context in
            guard let transfer = Transfer.from(context) else { return 0 }
            return transfer.received(header: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        _ = ccurl_set_pointer(easy, CURLOPT_HEADERDATA, context)
        _ = ccurl_set_write(easy) { bytes, size, count, context in
            guard let transfer = Transfer.from(context) else { return 0 }
            return transfer.received(body: UnsafeRawBufferPointer(start: bytes, count: size * count)) ? size * count : 0
        }
        _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, context)
        _ = ccurl_set_open_socket(easy) { context, _, address in Transfer.from(context)?.openSocket(address) ?? CURL_SOCKET_BAD }
        _ = ccurl_set_pointer(easy, CURLOPT_OPENSOCKETDATA, context)
        _ = ccurl_set_before_request(easy) { context, peer, _, port, _ in
            let mayGo = Transfer.from(context)?.mayRequest(from: peer, port: port) ?? false
            return mayGo ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
        }
        _ = ccurl_set_pointer(easy, CURLOPT_PREREQDATA, context)
    }

    private static func from(_ context: UnsafeMutableRawPointer?) -> Transfer? {
        context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
    }

    private func received(header line: UnsafeRawBufferPointer) -> Bool {
        progressed()
        headerBytes += line.count
        guard headerBytes <= limits.maxHeaderBytes else { return abort(.tooLarge(limit: limits.maxHeaderBytes)) }
        if head.received(line) { order.pipe.received(head: head) }
        return true
    }

    /// Sizes are those after unpacking; curl's own limit looks at the announced length only.
    private func received(body bytes: UnsafeRawBufferPointer) -> Bool {
        progressed(bodyBytes: bytes.count)
        bodyBytes += bytes.count
        guard bodyBytes <= limits.maxBodyBytes else { return abort(.tooLarge(limit: limits.maxBodyBytes)) }
        guard !expandsTooMuch else { return abort(.expandsTooMuch(limit: limits.maxExpansion)) }
        if order.pipe.received(bytes) { isFull = true }
        return true
    }

    /// curl counts the bytes of a chunked body only after it has handed them over: one read buffer (16 KiB) is given on credit.
    private var expandsTooMuch: Bool {
        guard bodyBytes > 1 << 20, head.isEncoded else { return false }
        return bodyBytes / max(limits.maxExpansion, 1) > receivedBytes + (16 << 10)
    }

    private func abort(_ error: FetchError) -> Bool {
        failure = error
        return false
    }

    /// Called with each resolved address in turn; refusing one lets curl try the next. Not called when a connection is used again.
    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address else { return CURL_SOCKET_BAD }
        let (family, type) = (address.pointee.family, address.pointee.socktype)
        if let rules = order.addressGuard {
            guard let dialled = Self.address(in: address), rules.permits(dialled, port: order.hop.url.port, host: host) else {
                wasRefused = true
                return CURL_SOCKET_BAD
            }
        }
        return socket(family, type | Int32(SOCK_CLOEXEC.rawValue), address.pointee.protocol)
    }

    /// Read where curl has it: the struct is declared with room for IPv4 only, and a copy of it would cut an IPv6 address.
    private static func address(in place: UnsafeMutablePointer<curl_sockaddr>) -> IPAddress? {
        guard let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr) else { return nil }
        return IPAddress(family: place.pointee.family, UnsafeRawPointer(place) + offset)
    }

    /// Called before every request, also on a connection that is used again.
    private func mayRequest(from peer: UnsafeMutablePointer<CChar>?, port: Int32) -> Bool {
        hasBegun = true
        progressed()
        if let last = order.hop.request.sendBy, .now > last {
            return abort(.timedOut("the request could not be sent in time", sent: false))
        }
        guard let rules = order.addressGuard else { return true }
        guard let peer, rules.permits(address: String(cString: peer), port: Int(port), host: host) else {
            return abort(.refusedAddress(host))
        }
        return true
    }
}
