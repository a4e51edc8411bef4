/// Which addresses may be told something on behalf of a user: https at public addresses, and what the operator allows, by http too.
/// For the door, which sees the address alone, and for the sender; what is really dialled is judged by the guard.
package struct ReceiverRules: Sendable {
    package let addressGuard: AddressGuard

    /// Entries as `AddressGuard` takes them. A host that one of them names, or whose spelled address lies in one, may be told by plain http.
    package init(allowing entries: [String] = []) {
        addressGuard = AddressGuard(allowing: entries)
    }

    /// Why an address cannot be told, as the end of a sentence; nil where it can.
    package func refusal(of address: String, limit: Int = 2_048) -> String? {
        let url: WebURL
        do throws(FetchError) { url = try WebURL(address, limit: limit) } catch {
            guard case .invalidURL(let why) = error else { return "cannot be used" }
            return "cannot be used: \(why)"
        }
        guard !url.hasCredentials else { return "must not hold a user name or password" }
        let spelled = IPAddress(url.host.hasPrefix("[") ? String(url.host.dropFirst().dropLast()) : url.host)
        let isNamed = addressGuard.names(host: url.host, port: url.port, address: spelled)
        if url.scheme != "https", !isNamed { return "must be an https URL" }
        if let spelled, !addressGuard.permits(spelled, port: url.port, host: url.host) {
            return "is a private or reserved address, which the settings do not allow"
        }
        return nil
    }
}
