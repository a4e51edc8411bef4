/// Redis for tests: one server a process for tests that keep to a prefix of their own, and servers to break for the others.
package import PrivateServers

package enum TestRedis {
    private static let one = Once<PrivateRedis>()

    /// Started on first use; ends with the process.
    package static func shared() async throws -> PrivateRedis {
        try await one.value { try await own() }
    }

    /// A server of this test alone: to kill, freeze, fill.
    package static func own(persistent: Bool = false, arguments: [String] = []) async throws -> PrivateRedis {
        let server = try await PrivateRedis.start(in: TemporaryDirectory.make(), persistent: persistent, arguments: arguments)
        TemporaryDirectory.beforeRemoval { server.kill() }
        return server
    }

    /// A prefix that no other test has.
    package static func uniquePrefix() -> String { "t\(String(UInt64.random(in: 0..<UInt64.max), radix: 36)):" }
}
