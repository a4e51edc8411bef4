internal import CLibPQ

/// Where PostgreSQL is and how patient its clients are.
package struct PostgresOptions: Sendable, CustomStringConvertible {
    /// `postgres://user:password@host:port/database?sslmode=verify-full` or libpq's `key=value` pairs. What it sets wins over the defaults here.
    package var url: String
    /// Connections, and threads that wait on them. Pools multiply by replicas: a server takes 100 connections unless told otherwise.
    package var poolSize: Int
    package var statementTimeout: Duration
    package var connectTimeout: Duration
    package var applicationName: String

    /// How long a server may stay silent after `statementTimeout` before the connection is given up.
    static let grace: Duration = .seconds(5)
    static let backoffBase: Duration = .milliseconds(100)
    static let backoffCap: Duration = .seconds(5)

    package init(
        url: String, poolSize: Int = 4, statementTimeout: Duration = .seconds(30), connectTimeout: Duration = .seconds(3),
        applicationName: String = "tidewheel"
    ) {
        self.url = url
        self.poolSize = max(1, poolSize)
        self.statementTimeout = statementTimeout
        self.connectTimeout = connectTimeout
        self.applicationName = applicationName
    }

    /// Host, port and database, never user or password.
    package var description: String {
        guard let parts = Self.parse(url) else { return "an unreadable PostgreSQL URL" }
        let host = parts["host"] ?? parts["hostaddr"] ?? "local socket"
        return "\(host):\(parts["port"] ?? "5432")/\(parts["dbname"] ?? "")"
    }

    /// The parts that the URL itself sets; nil when libpq cannot read it. libpq's own message is dropped: it quotes the URL, password included.
    static func parse(_ url: String) -> [String: String]? {
        var message: UnsafeMutablePointer<CChar>?
        guard let list = PQconninfoParse(url, &message) else {
            PQfreemem(message)
            return nil
        }
        defer { PQconninfoFree(list) }
        var parts: [String: String] = [:]
        var entry = list
        while let keyword = entry.pointee.keyword {
            if let value = entry.pointee.val { parts[String(cString: keyword)] = String(cString: value) }
            entry += 1
        }
        return parts
    }

    /// Keywords for `PQconnectdbParams`: a later one wins, so the defaults stand before the URL and what must hold stands after it.
    var parameters: [(String, String)] {
        [
            ("connect_timeout", String(max(2, connectTimeout.components.seconds))),
            ("keepalives", "1"), ("keepalives_idle", "10"), ("keepalives_interval", "3"), ("keepalives_count", "3"),
            ("tcp_user_timeout", "10000"),
            ("fallback_application_name", applicationName),
            ("dbname", url),
            ("client_encoding", "UTF8"),
        ]
    }

    /// Session settings that readers of rows rely on, and two bounds: a frozen client must not hold row locks for ever.
    /// Compiling a statement takes longer than any of ours does.
    var sessionSetup: String {
        """
        SET TIME ZONE 'UTC'; SET DateStyle = 'ISO, YMD'; SET bytea_output = 'hex'; SET extra_float_digits = 1;
        SET standard_conforming_strings = on; SET jit = off; SET idle_in_transaction_session_timeout = 15000;
        SET statement_timeout = \(statementTimeout.wholeMilliseconds)
        """
    }
}

extension Duration {
    var wholeMilliseconds: Int64 {
        let parts = components
        return min(parts.seconds, 2_000_000) * 1000 + parts.attoseconds / 1_000_000_000_000_000
    }
}
