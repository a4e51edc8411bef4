import NIOSSL

/// What a `rediss://` address needs for its handshakes. Made once, when the address is read: the authorities' files are read there, never on
/// an event loop, and one that is not usable is said before anything is dialled. A changed file counts from the next start on.
struct RedisTLS: Sendable, Hashable {
    let context: NIOSSLContext
    /// PEM file with the authorities to trust instead of the system's.
    let authorityFile: String?

    /// Full verification, always; an own authority replaces the system's.
    init(authorityFile: String?) throws(RedisError) {
        self.authorityFile = authorityFile
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .fullVerification
        if let authorityFile { configuration.trustRoots = .certificates(try RedisTLS.authorities(in: authorityFile)) }
        do { context = try NIOSSLContext(configuration: configuration) } catch {
            throw .invalidAddress("TLS could not be set up: \(error)")
        }
    }

    private static func authorities(in file: String) throws(RedisError) -> [NIOSSLCertificate] {
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(file)
            if !certificates.isEmpty { return certificates }
        } catch {}
        throw .invalidAddress("cafile \(file) cannot be read as certificates; give a readable PEM file with the authority's certificate")
    }

    static func == (one: RedisTLS, other: RedisTLS) -> Bool {
        one.authorityFile == other.authorityFile
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(authorityFile)
    }
}
