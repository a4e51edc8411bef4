/// What becomes of a document: its text, and what a crawler wants to know of it.
package struct ExtractedPage: Sendable {
    /// At most 300 characters; empty where the document has none.
    package var title = ""
    /// A BCP 47 tag as the document gives it.
    package var language: String?
    package var text = ""
    package var links: [PageLink] = []
    package var canonicalURL: String?
    package var noindex = false
    package var nofollow = false

    package init() {}
}

/// A link to follow: absolute, http or https, without its fragment.
package struct PageLink: Sendable, Hashable {
    package let url: String
    package let text: String
    package let nofollow: Bool

    package init(url: String, text: String, nofollow: Bool) {
        self.url = url
        self.text = text
        self.nofollow = nofollow
    }
}

/// Why there is no text. Messages are for people, and hold nothing of the document.
package enum ExtractError: Error, Hashable, Sendable, CustomStringConvertible {
    case notThatType(String)
    case tooLarge(String)
    case timedOut(String)
    /// A program is not installed; the text says which package has it.
    case toolMissing(String)
    case encrypted
    case unreadable(String)
    case cancelled

    package var description: String {
        switch self {
        case .notThatType(let why), .tooLarge(let why), .timedOut(let why), .toolMissing(let why), .unreadable(let why): why
        case .encrypted: "the document is protected by a password; remove the protection and submit it again"
        case .cancelled: "the extraction was cancelled"
        }
    }
}

/// Bounds of one extraction. Memory is at most about eight times the input plus the text.
package struct ExtractLimits: Sendable {
    package var inputBytes = 32 << 20
    package var textBytes = 8 << 20
    package var links = 5_000
    /// Wall clock for `pdftotext`, `unzip` and `gzip`; their CPU time is bounded by the same number.
    package var toolTime: Duration = .seconds(30)
    package var toolMemoryBytes = 1 << 29

    package init() {}
}
