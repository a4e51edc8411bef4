/// An IPv4 or IPv6 address as bytes, and which of them belong to the public internet.
/// `AddressGuard` decides with it; IPv6 forms that carry an IPv4 address are judged by that address.
import Glibc

struct IPAddress: Sendable, Equatable {
    let bytes: [UInt8]  // 4 or 16, network order

    init(bytes: [UInt8]) { self.bytes = bytes }

    init?(_ text: String) {
        var four = [UInt8](repeating: 0, count: 4)
        var sixteen = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &four) == 1 {
            bytes = four
        } else if inet_pton(AF_INET6, text, &sixteen) == 1 {
            bytes = sixteen
        } else {
            return nil
        }
    }

    /// From what `getaddrinfo` gives; nil for families that are neither IPv4 nor IPv6.
    init?(family: Int32, _ address: UnsafeRawPointer) {
        switch family {
        case AF_INET:
            bytes = withUnsafeBytes(of: address.loadUnaligned(as: sockaddr_in.self).sin_addr) { Array($0) }
        case AF_INET6:
            bytes = withUnsafeBytes(of: address.loadUnaligned(as: sockaddr_in6.self).sin6_addr) { Array($0) }
        default:
            return nil
        }
    }

    /// The IPv4 address inside an IPv4-mapped (::ffff:0:0/96), NAT64 (64:ff9b::/96) or 6to4 (2002::/16) address; otherwise itself.
    var unwrapped: IPAddress {
        guard bytes.count == 16 else { return self }
        if IPRange.mapped.contains(self) || IPRange.nat64.contains(self) { return IPAddress(bytes: Array(bytes[12...])) }
        if IPRange.sixToFour.contains(self) { return IPAddress(bytes: Array(bytes[2..<6])) }
        return self
    }

    var isPublic: Bool {
        let address = unwrapped
        let reserved = address.bytes.count == 4 ? IPRange.reservedV4 : IPRange.reservedV6
        if address.bytes.count == 16, !IPRange.globalUnicast.contains(address) { return false }
        return !reserved.contains { $0.contains(address) }
    }
}

/// An address block such as 10.0.0.0/8.
struct IPRange: Sendable {
    let base: IPAddress
    let prefix: Int

    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let base = IPAddress(String(parts[0])), let prefix = Int(parts[1]) else { return nil }
        guard prefix >= 0, prefix <= base.bytes.count * 8 else { return nil }
        (self.base, self.prefix) = (base, prefix)
    }

    func contains(_ address: IPAddress) -> Bool {
        guard address.bytes.count == base.bytes.count else { return false }
        return (0..<base.bytes.count).allSatisfy { index in
            let bits = min(max(prefix - index * 8, 0), 8)
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> bits)
            return address.bytes[index] & mask == base.bytes[index] & mask
        }
    }

    private static func block(_ text: String) -> IPRange { IPRange(text) ?? everything }
    private static let everything = IPRange(base: IPAddress(bytes: [0, 0, 0, 0]), prefix: 0)
    private init(base: IPAddress, prefix: Int) { (self.base, self.prefix) = (base, prefix) }

    static let mapped = block("::ffff:0:0/96")
    static let nat64 = block("64:ff9b::/96")
    static let sixToFour = block("2002::/16")
    /// Everything outside it is loopback, link-local, private, multicast or not assigned.
    static let globalUnicast = block("2000::/3")
    static let reservedV6 = ["2001::/32", "2001:db8::/32"].map(block)  // Teredo hides an IPv4 address; documentation
    static let reservedV4 = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
        "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
    ].map(block)
}
