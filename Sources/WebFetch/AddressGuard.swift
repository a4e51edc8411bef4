/// Decides which addresses a fetch on behalf of a user may dial: public ones, and what the operator allows.
/// `Transfer` asks it for each address before connecting, and again before each request on a connection that is used again.
package struct AddressGuard: Sendable {
    private var hosts: Set<String> = []
    private var ranges: [IPRange] = []

    /// Entries are "host", "host:port", "[v6]:port", a single address or a block such as "10.0.0.0/8"; anything else allows nothing.
    package init(allowing entries: [String] = []) {
        for entry in entries.map({ $0.lowercased() }) {
            if let range = IPRange(entry) {
                ranges.append(range)
            } else {
                hosts.insert(entry)
            }
        }
    }

    /// Whether an entry can allow anything. A slash stands in blocks only: a URL or a misspelt block would be silently without effect.
    package static func understands(_ entry: String) -> Bool {
        !entry.contains("/") || IPRange(entry) != nil
    }

    /// `address` is the one really dialled, `host` the name in the URL (an IPv6 host with or without brackets).
    package func permits(address: String, port: Int, host: String) -> Bool {
        guard let address = IPAddress(address) else { return false }
        return permits(address, port: port, host: host)
    }

    func permits(_ address: IPAddress, port: Int, host: String) -> Bool {
        address.isPublic || names(host: host, port: port, address: address)
    }

    /// Whether an entry is about this host or, where one is given, this address.
    func names(host: String, port: Int, address: IPAddress?) -> Bool {
        let name = host.lowercased()
        let bare = name.hasPrefix("[") && name.hasSuffix("]") ? String(name.dropFirst().dropLast()) : name
        if !hosts.isDisjoint(with: [bare, "[\(bare)]", "\(bare):\(port)", "[\(bare)]:\(port)"]) { return true }
        guard let address else { return false }
        return ranges.contains { $0.contains(address) || $0.contains(address.unwrapped) }
    }
}
