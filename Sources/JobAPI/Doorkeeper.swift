internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobLedger
internal import JobModel
internal import Logging

/// Whom the API listens to.
package enum CallerRule: String, Sendable, CaseIterable {
    /// Everybody, because nobody but this machine can reach it.
    case loopback
    /// Holders of keys.
    case required
    /// Everybody: something else keeps strangers out.
    case open
}

/// Who asks.
struct Caller: Sendable {
    let actor: AuditEntry.Actor
    let key: APIKey?
    /// The other end of the connection.
    let address: String?
}

/// Says who a caller is and whether the route is for them, before anything of the request is read.
struct Doorkeeper: Sendable {
    private let rule: CallerRule
    private let ring: KeyRing
    private let ledger: JobLedger
    private let uses = KeyUses()
    private let strikes = Strikes()
    private let logger: Logger

    init(_ rule: CallerRule, ledger: JobLedger, logger: Logger) {
        self.rule = rule
        self.logger = logger
        self.ledger = ledger
        ring = KeyRing(ledger: ledger, logger: logger)
    }

    var asksForKeys: Bool { rule == .required }

    /// Keeps what it knows of keys up to date, and writes down which are used, until it is cancelled.
    func stayInformed() async {
        guard rule == .required else { return }
        async let writing: Void = uses.keepWriting(to: ledger, logger)
        await ring.follow()
        await writing
    }

    /// What every request must have, also one for a file.
    func check(_ request: Request) throws(Problem) {
        let host = try Origins.host(of: request)
        if rule == .loopback { try Origins.requireLoopback(host) }
        if rule != .required { try Origins.refuseForeignPages(request, host: host) }
    }

    func admit(_ request: Request, to access: Access, from address: String?) async throws(Problem) -> Caller {
        guard rule == .required else {
            return Caller(actor: rule == .loopback ? .loopback : .anonymous, key: nil, address: address)
        }
        guard access != .socket, !access.scopes.isEmpty else { return Caller(actor: .anonymous, key: nil, address: address) }
        guard let text = try Doorkeeper.bearer(request) else { throw .missingKey }
        return try await admit(key: text, to: access, from: address)
    }

    /// The same for a key that came another way.
    func admit(key text: String, to access: Access, from address: String?) async throws(Problem) -> Caller {
        let caller = Caller(actor: .key, key: try await key(text, from: address), address: address)
        try require(access, of: caller)
        return caller
    }

    /// Throws when what a caller who was let in wants now is not for them.
    func require(_ access: Access, of caller: Caller) throws(Problem) {
        guard rule == .required, let scope = access.scopes.first else { return }
        guard let key = caller.key, stillAdmits(caller) else { throw .wrongKey }
        guard access.scopes.contains(where: key.scopes.contains) else { throw .missingScope(scope) }
    }

    /// Whether a caller who was admitted once still is: false for one whose key was revoked, or has expired, since.
    func stillAdmits(_ caller: Caller) -> Bool {
        guard let key = caller.key else { return true }
        return !ring.isGone(key.id) && key.expiresAt.map { $0 > .now } ?? true
    }

    private func key(_ text: String, from address: String?) async throws(Problem) -> APIKey {
        guard let given = APIKeyText(text) else { throw strike(address) }
        switch await ring.find(given.id, patiently: !strikes.isOut(address ?? "")) {
        case .unavailable: throw .unavailable("PostgreSQL, which knows the keys,", retryAfter: 2)
        case .unknown: throw strike(address)
        case .key(let stored):
            guard Digest.isSame(given.hash, stored.hash), stored.key.expiresAt.map({ $0 > .now }) ?? true else { throw strike(address) }
            uses.note(stored.key.id)
            return stored.key
        }
    }

    /// RFC 6750, 2.1: one `Authorization` field, the scheme in any case. Nil without the field, or with another scheme.
    private static func bearer(_ request: Request) throws(Problem) -> String? {
        let given = request.headers[values: .authorization]
        guard given.count <= 1 else { throw .badHeader("Authorization", "must be sent once") }
        guard let parts = given.first?.split(separator: " ", maxSplits: 1), parts.count == 2, parts[0].lowercased() == "bearer" else {
            return nil
        }
        return String(parts[1])
    }

    /// Wrong, expired and revoked keys are told alike. The log has the first of an address in a minute, never what was given.
    private func strike(_ address: String?) -> Problem {
        switch strikes.add(address ?? "") {
        case .first:
            logger.warning("A wrong API key was sent", metadata: ["address": "\(address ?? "unknown")"])
            return .wrongKey
        case .more: return .wrongKey
        case .tooMany(let seconds): return .tooManyWrongKeys(retryAfter: seconds)
        }
    }
}
