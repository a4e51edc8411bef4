/// Which addresses a guarded fetch may dial.
import Testing

@testable import WebFetch

@Suite struct AddressGuardTests {
    @Test(arguments: [
        "127.0.0.1", "127.255.255.255", "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
        "192.0.0.8", "192.168.1.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::127.0.0.1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1", "2002:7f00:1::", "2002:c0a8:101::1", "2001::1", "nonsense", "",
    ])
    func privateAndReservedAddressesAreRefused(_ address: String) {
        #expect(!AddressGuard().permits(address: address, port: 80, host: "example.org"))
    }

    @Test(arguments: [
        "1.1.1.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "172.15.255.255", "172.32.0.1", "198.17.255.255",
        "198.20.0.1", "223.255.255.255", "2606:4700::1111", "64:ff9b::101:101", "2002:101:101::1", "::ffff:1.1.1.1",
    ])
    func publicAddressesAreAllowed(_ address: String) {
        #expect(AddressGuard().permits(address: address, port: 80, host: "example.org"))
    }

    @Test func anAllowedHostIsAllowedOnEveryPortAnAllowedHostAndPortOnThatOne() {
        let rules = AddressGuard(allowing: ["Ollama", "qdrant:6333", "[::1]:80"])
        #expect(rules.permits(address: "10.0.0.2", port: 11434, host: "ollama"))
        #expect(rules.permits(address: "10.0.0.3", port: 6333, host: "qdrant"))
        #expect(!rules.permits(address: "10.0.0.3", port: 22, host: "qdrant"))
        #expect(rules.permits(address: "::1", port: 80, host: "[::1]"))
        #expect(!rules.permits(address: "::1", port: 81, host: "[::1]"))
        #expect(!rules.permits(address: "10.0.0.2", port: 80, host: "ollama.example.org"))
    }

    @Test func anAllowedBlockIsJudgedByTheAddressNotByTheName() {
        let rules = AddressGuard(allowing: ["10.1.0.0/16", "fd00::/8", "10.0.0.0/33", "127.0.0.1/"])
        #expect(rules.permits(address: "10.1.255.255", port: 80, host: "anything"))
        #expect(rules.permits(address: "::ffff:10.1.0.1", port: 80, host: "anything"))
        #expect(rules.permits(address: "fd00::5", port: 80, host: "anything"))
        #expect(!rules.permits(address: "10.2.0.1", port: 80, host: "anything"))
        #expect(!rules.permits(address: "127.0.0.1", port: 80, host: "anything"))
    }
}
