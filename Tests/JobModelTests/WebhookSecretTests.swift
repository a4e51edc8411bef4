import JobModel
import Testing

@Suite struct WebhookSecretTests {
    /// The first pair is Standard Webhooks' own.
    @Test(
        arguments: [
            (
                "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, #"{"test": 2432232314}"#,
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
            ),
            (
                "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX", "evt_01", 1_700_000_000, #"{"type":"job.completed"}"#,
                "v1,4J1sm17RGv9PM+95cCz7jVtozpk7mVvGQtjXUjzj7uM="
            ),
        ] as [(String, String, Int64, String, String)])
    func signaturesAreThoseOfTheStandard(secret: String, id: String, seconds: Int64, body: String, signature: String) throws {
        let secret = try #require(WebhookSecret(secret))
        #expect(secret.signature(id: id, seconds: seconds, body: body.utf8) == signature)
        let headers = WebhookSecret.headers(id: id, seconds: seconds, body: Array(body.utf8), secrets: [secret, WebhookSecret()])
        #expect(headers.map(\.0) == ["webhook-id", "webhook-timestamp", "webhook-signature"])
        #expect(headers[0].1 == id && headers[1].1 == "\(seconds)")
        let signatures = headers[2].1.split(separator: " ")
        #expect(signatures.count == 2 && signatures[0] == signature && signatures[1].hasPrefix("v1,") && signatures[1] != signature)
    }

    @Test func aFreshSecretIsReadBackAndSaysNothingOfItself() throws {
        let secret = WebhookSecret()
        #expect(WebhookSecret(secret.text) == secret && secret != WebhookSecret())
        #expect(!"\(secret)".contains(secret.text.dropFirst(6)) && secret.text.utf8.count == 6 + 44)
    }

    @Test(
        arguments: [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS", "whsec_AAAA",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa\nS", "whsec_\u{e9}fKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_MfKQ9r8GKYqr=wjUPD8ILPZIo2LaLaSw",
        ])
    func otherTextsAreNoSecrets(text: String) {
        #expect(WebhookSecret(text) == nil)
    }

    @Test(arguments: [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")])
    func base64IsThatOfTheRFC(plain: String, encoded: String) {
        #expect(Base64.encode(Array(plain.utf8)) == encoded)
        #expect(Base64.decode(encoded) == Array(plain.utf8))
    }

    /// RFC 4231, test case 2.
    @Test func hmacIsThatOfTheRFC() {
        let code = Digest.hexadecimal(Digest.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8)))
        #expect(code == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }
}
