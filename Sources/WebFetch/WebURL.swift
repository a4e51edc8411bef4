/// One http or https address, taken apart by libcurl's own parser: what is checked is what will be dialled.
/// `Fetcher` follows redirects with it.
import CCurl

struct WebURL: Sendable, Equatable {
    /// Without fragment; user name and password included.
    let text: String
    /// Without user name, password and fragment: what may be shown.
    let shown: String
    let scheme: String
    /// Lower case; an IPv6 address in brackets, a number as the IPv4 address that it means.
    let host: String
    /// The scheme's own where none is given.
    let port: Int
    let hasCredentials: Bool

    init(_ text: String, limit: Int) throws(FetchError) {
        try self.init(text, base: nil, limit: limit)
    }

    /// Resolves a `Location` value; it may be relative, and may hold spaces or letters that need escaping.
    func redirected(to location: String, limit: Int) throws(FetchError) -> WebURL {
        do {
            return try WebURL(location, base: self, limit: limit)
        } catch {
            throw .invalidRedirect(host)
        }
    }

    /// Scheme, host and port: what a key in a header was meant for.
    func sameOrigin(as other: WebURL) -> Bool { (scheme, host, port) == (other.scheme, other.host, other.port) }

    private init(_ text: String, base: WebURL?, limit: Int) throws(FetchError) {
        guard text.utf8.count <= limit else { throw .invalidURL("it is longer than \(limit) bytes") }
        guard !text.utf8.contains(where: { $0 < 32 || $0 == 127 }) else { throw .invalidURL("it contains control characters") }
        guard let handle = curl_url() else { throw .invalidURL("out of memory") }
        defer { curl_url_cleanup(handle) }
        if let base, curl_url_set(handle, CURLUPART_URL, base.text, 0) != CURLUE_OK { throw .invalidURL("it has a wrong form") }
        let flags = UInt32(base == nil ? 0 : CURLU_URLENCODE)
        guard curl_url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK else { throw .invalidURL("it has a wrong form") }
        curl_url_set(handle, CURLUPART_FRAGMENT, nil, 0)

        let scheme = Self.part(handle, CURLUPART_SCHEME) ?? ""
        guard scheme == "http" || scheme == "https" else { throw .invalidURL("only http and https are fetched") }
        guard let host = Self.part(handle, CURLUPART_HOST), let whole = Self.part(handle, CURLUPART_URL),
            let port = Self.part(handle, CURLUPART_PORT, UInt32(CURLU_DEFAULT_PORT)).flatMap({ Int($0) })
        else { throw .invalidURL("it has no host") }
        (self.scheme, self.host, self.port, self.text) = (scheme, host.lowercased(), port, whole)
        hasCredentials = Self.part(handle, CURLUPART_USER) != nil || Self.part(handle, CURLUPART_PASSWORD) != nil
        curl_url_set(handle, CURLUPART_USER, nil, 0)
        curl_url_set(handle, CURLUPART_PASSWORD, nil, 0)
        shown = Self.part(handle, CURLUPART_URL) ?? ""
        guard whole.utf8.count <= limit else { throw .invalidURL("it is longer than \(limit) bytes") }
    }

    private static func part(_ handle: OpaquePointer, _ part: CURLUPart, _ flags: UInt32 = 0) -> String? {
        var value: UnsafeMutablePointer<CChar>?
        guard curl_url_get(handle, part, &value, flags) == CURLUE_OK, let value else { return nil }
        defer { curl_free(value) }
        return String(cString: value)
    }
}
