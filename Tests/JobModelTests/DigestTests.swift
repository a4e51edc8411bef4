import Testing

@testable import JobModel

@Suite struct DigestTests {
    /// The operating system gives 256 at a time.
    @Test(arguments: [0, 1, 256, 257, 1000]) func randomBytesAreAsManyAsAskedForAndNeverTheSame(count: Int) {
        let bytes = Digest.randomBytes(count)
        #expect(bytes.count == count)
        guard count > 100 else { return }
        #expect(bytes != Digest.randomBytes(count))
        for start in stride(from: 0, to: count - 16, by: 16) { #expect(bytes[start..<start + 16].contains { $0 != 0 }) }
    }

    @Test func textsHaveTheDigestsOfTheStandards() {
        #expect(Digest.sha256("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest.hexadecimal(Digest.sha1(Array("abc".utf8))) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        let code = Digest.hmacSHA256(Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8))
        #expect(Digest.hexadecimal(code) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }
}
