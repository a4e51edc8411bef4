import FoundationEssentials
import PrivateServers
import RedisWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    @Test func certificateIsVerifiedAgainstTheGivenAuthority() async throws {
        let directory = try TemporaryDirectory.make()
        let (certificate, key) = ("\(directory)/cert.pem", "\(directory)/key.pem")
        let openssl = try ChildProcess(
            ChildOrder(
                "/usr/bin/openssl",
                [
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
                ]), onLine: { _ in })
        try #require(await openssl.exit()?.isSuccess == true)
        let port = try await freePort()
        let server = try await TestRedis.own(arguments: [
            "--tls-port", "\(port)", "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate,
            "--tls-auth-clients", "no",
        ])
        _ = try await connect(server).command(["PING"])
        let trusted = RedisConnection(try RedisAddress(url: "rediss://localhost:\(port)?cafile=\(certificate)"), logger: quiet)
        #expect(try await trusted.command(["PING"]).string == "PONG")
        let options = RedisOptions(commandTimeout: .seconds(1))
        for url in ["rediss://localhost:\(port)", "rediss://127.0.0.1:\(port)?cafile=\(certificate)"] {
            let stranger = RedisConnection(try RedisAddress(url: url), options: options, logger: quiet)
            let error = await #expect(throws: RedisError.self) { try await stranger.command(["PING"]) }
            #expect(error?.neverSent == true)
            // The reason is the certificate, not the closed socket that follows.
            #expect(error?.description.lowercased().contains("certificate") == true, "\(String(describing: error))")
        }
    }

    @Test func unusableAuthorityIsToldWhenTheAddressIsRead() throws {
        let directory = try TemporaryDirectory.make()
        for (name, content) in [("empty", ""), ("garbage", "no certificate\n"), ("cut", "-----BEGIN CERTIFICATE-----\nMIIB\n")] {
            try content.write(toFile: "\(directory)/\(name).pem", atomically: true, encoding: .utf8)
        }
        for name in ["missing.pem", "empty.pem", "garbage.pem", "cut.pem", ""] {
            let error = #expect(throws: RedisError.self) { try RedisAddress(url: "rediss://localhost?cafile=\(directory)/\(name)") }
            guard case .invalidAddress(let why) = error else {
                Issue.record("\(name): \(String(describing: error))")
                return
            }
            #expect(why.contains("\(directory)/\(name)") && why.contains("PEM"))
        }
    }

    /// A port that nobody had a moment ago; redis-server cannot choose one itself.
    private func freePort() async throws -> Int {
        let server = try RawServer { _, _ in false }
        server.stop()
        for await _ in server.endings { break }
        return server.port
    }
}
