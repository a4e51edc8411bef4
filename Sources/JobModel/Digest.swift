internal import CCrypto
internal import Glibc

/// Digests by OpenSSL's libcrypto: fingerprints of requests and content, names of foreign jobs.
package enum Digest {
    /// SHA-256 as 64 lower-case hexadecimal digits.
    package static func sha256(_ bytes: some Sequence<UInt8>) -> String {
        hexadecimal(digest(Array(bytes), EVP_sha256()))
    }

    /// SHA-256 of the UTF-8 bytes of a text.
    package static func sha256(_ text: String) -> String {
        sha256(text.utf8)
    }

    /// HMAC with SHA-256 (RFC 2104): 32 bytes.
    package static func hmacSHA256(_ bytes: [UInt8], key: [UInt8]) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        HMAC(EVP_sha256(), key, Int32(key.count), bytes, bytes.count, &output, &length)
        return Array(output.prefix(Int(length)))
    }

    /// Where a format asks for it: names of foreign jobs, the handshake of WebSockets. Nothing is trusted by it.
    package static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        digest(bytes, EVP_sha1())
    }

    /// Whether two texts are the same; the time it takes tells nothing of where they differ.
    package static func isSame(_ one: String, _ other: String) -> Bool {
        let one = Array(one.utf8)
        let other = Array(other.utf8)
        return one.count == other.count && CRYPTO_memcmp(one, other, one.count) == 0
    }

    /// Bytes from the operating system's generator, for ids and names that nobody may guess.
    package static func randomBytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { bytes, filled in
            fill(UnsafeMutableRawBufferPointer(bytes))
            filled = count
        }
    }

    /// 128 such bits.
    static func randomWords() -> (UInt64, UInt64) {
        var words: (UInt64, UInt64) = (0, 0)
        withUnsafeMutableBytes(of: &words, fill)
        return words
    }

    /// It fails only where a sandbox forbids it; one call gives 256 bytes at most.
    private static func fill(_ target: UnsafeMutableRawBufferPointer) {
        guard let start = target.baseAddress else { return }
        for offset in stride(from: 0, to: target.count, by: 256) {
            let failed = getentropy(start + offset, min(256, target.count - offset))
            precondition(failed == 0, "the operating system gives no random bytes; let this process call getrandom")
        }
    }

    package static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        for byte in bytes {
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func digest(_ bytes: [UInt8], _ algorithm: OpaquePointer?) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
        var length: UInt32 = 0
        EVP_Digest(bytes, bytes.count, &output, &length, algorithm, nil)
        return Array(output.prefix(Int(length)))
    }
}
