/// Who may ask the API for what, and how much. The key itself is known to its holder alone (`APIKeyText`).
package struct APIKey: Sendable, Hashable {
    package enum Scope: String, Sendable, CaseIterable {
        /// See jobs, flows, schedules, queues, workers.
        case read
        /// Make jobs and flows, upload files.
        case submit
        /// Change what is there: cancel, retry, pause, limits, schedules.
        case manage
        /// Be a worker: take jobs, end them, register kinds.
        case work
    }

    package static let maxCount = 1_000
    package static let maxNameBytes = 200
    package static let mostLiveJobs = 10_000
    /// The use of a key is written down at most once in this time.
    package static let useMilliseconds: Int64 = 60_000

    /// The public part: 16 hexadecimal digits.
    package let id: String
    /// For people; several keys may have the same.
    package let name: String
    package let scopes: Set<Scope>
    /// Requests; nil: as many as there are.
    package var rate: Limit.Rate?
    /// Jobs that it may submit from midnight to midnight, UTC.
    package var jobsADay: Int?
    /// Jobs of its own that may be live at once.
    package var liveJobs: Int?
    package var createdAt = Timestamp.now
    package var expiresAt: Timestamp?
    package var revokedAt: Timestamp?
    /// As far as is written down: see `useMilliseconds`.
    package var lastUsedAt: Timestamp?

    package init(id: String, name: String, scopes: Set<Scope>) {
        self.id = id
        self.name = name
        self.scopes = scopes
    }
}

/// What a request can be too much for, by the name that headers and problems give it.
package enum QuotaPolicy: String, Sendable {
    case requests
    case jobsADay = "jobs-a-day"
    case liveJobs = "live-jobs"
}

/// A key as its holder has it: `twk_<16 digits id>_<64 digits secret><8 digits checksum>`, all hexadecimal. The beginning lets scanners find
/// keys that were published by mistake, the checksum tells a mistyped key from a wrong one without asking anybody.
package struct APIKeyText: Sendable {
    package static let prefix = "twk_"
    private static let idDigits = 16
    private static let secretDigits = 64
    private static let checksumDigits = 8

    package let id: String
    package let text: String

    /// 64 random bits to be found by, 256 to be believed by.
    package static func make() -> APIKeyText {
        let id = Digest.hexadecimal(Digest.randomBytes(idDigits / 2))
        let body = prefix + id + "_" + Digest.hexadecimal(Digest.randomBytes(secretDigits / 2))
        return APIKeyText(id: id, text: body + checksum(of: body))
    }

    /// Nil for what was never a key.
    package init?(_ text: String) {
        let idStart = APIKeyText.prefix.utf8.count
        let secretStart = idStart + APIKeyText.idDigits + 1
        let bytes = Array(text.utf8)
        guard bytes.count == secretStart + APIKeyText.secretDigits + APIKeyText.checksumDigits, text.hasPrefix(APIKeyText.prefix),
            bytes[secretStart - 1] == UInt8(ascii: "_")
        else { return nil }
        let digits = bytes[idStart..<secretStart - 1] + bytes[secretStart...]
        guard digits.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }) else { return nil }
        let body = String(decoding: bytes.dropLast(APIKeyText.checksumDigits), as: UTF8.self)
        guard text == body + APIKeyText.checksum(of: body) else { return nil }
        id = String(decoding: bytes[idStart..<secretStart - 1], as: UTF8.self)
        self.text = text
    }

    private init(id: String, text: String) {
        self.id = id
        self.text = text
    }

    /// What is stored: 256 random bits need no salt and no slow function.
    package var hash: String { Digest.sha256(text) }

    private static func checksum(of body: String) -> String {
        String(Digest.sha256(body).prefix(checksumDigits))
    }
}
