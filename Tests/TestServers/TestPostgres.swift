/// PostgreSQL for tests: one server a process, an own database a test.
import Glibc
package import PrivateServers

package enum TestPostgres {
    private static let one = Once<PrivatePostgres>()
    private static let templates = Templates()

    /// Started on first use (initdb takes about a second); ends with the process.
    package static func shared() async throws -> PrivatePostgres {
        try await one.value { try await own() }
    }

    /// A server of this test alone: to kill, freeze, restart.
    package static func own() async throws -> PrivatePostgres {
        let server = try await PrivatePostgres.start(in: TemporaryDirectory.make())
        TemporaryDirectory.beforeRemoval { server.kill() }
        return server
    }

    /// The address of an empty database that nobody else uses.
    package static func freshDatabase() async throws -> String {
        try await copy(of: nil)
    }

    /// The address of a fresh copy of the database that `prepare` makes once a process, e.g. by migrating it.
    /// `prepare` must close its connections: a database in use cannot be copied.
    package static func freshDatabase(
        preparedAs name: String, _ prepare: @escaping @Sendable (String) async throws -> Void
    ) async throws -> String {
        let server = try await shared()
        let template = try await templates.named(name).value {
            let template = "template_\(name)"
            try await server.createDatabase(template)
            try await prepare(server.url(of: template))
            return template
        }
        return try await copy(of: template)
    }

    private static func copy(of template: String?) async throws -> String {
        let server = try await shared()
        let name = "t\(String(UInt64.random(in: 0..<UInt64.max), radix: 36))"
        try await server.createDatabase(name, template: template ?? "template0")
        return server.url(of: name)
    }

    private actor Templates {
        private var made: [String: Once<String>] = [:]

        func named(_ name: String) -> Once<String> {
            let once = made[name] ?? Once()
            made[name] = once
            return once
        }
    }
}
