import RedisWire
import Testing

@Suite(.timeLimit(.minutes(1))) struct TLSTests {
    @Test func certificateIsVerifiedAgainstTheGivenAuthority() async throws {
        let keys = try LocalRedis()
        let (certificate, key) = ("\(keys.directory)/cert.pem", "\(keys.directory)/key.pem")
        try #require(
            runProgram([
                "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate,
            ]))
        let port = Int.random(in: 20_000..<30_000)
        let server = try LocalRedis([
            "--tls-port", "\(port)", "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate,
            "--tls-auth-clients", "no",
        ])
        _ = try await connect(server).command(["PING"])
        let trusted = RedisConnection(try RedisAddress(url: "rediss://localhost:\(port)?cafile=\(certificate)"), logger: quiet)
        #expect(try await trusted.command(["PING"]).string == "PONG")
        let options = RedisOptions(commandTimeout: .seconds(1))
        for url in ["rediss://localhost:\(port)", "rediss://127.0.0.1:\(port)?cafile=\(certificate)"] {
            let stranger = RedisConnection(try RedisAddress(url: url), options: options, logger: quiet)
            await #expect(throws: RedisError.self) { try await stranger.command(["PING"]) }
        }
    }
}
