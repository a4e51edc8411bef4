/// The head of a response, with the body still to be read.
/// `FetchBody` streams it; letting go of the body ends the transfer.
package struct FetchResponse: Sendable {
    package let status: Int
    /// Where the response came from after all redirects, without user name, password and fragment.
    package let url: String
    /// The addresses that redirected, in order, the first request's first.
    package let redirects: [String]
    /// In the order received, names in lower case.
    package let headers: [(name: String, value: String)]
    package let body: FetchBody

    package func header(_ name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name == wanted }?.value
    }

    package var contentType: String? { header("content-type") }
}

/// What the header lines of one response say; interim (1xx) responses are dropped, trailers ignored.
struct ResponseHead: Sendable {
    var status = 0
    var headers: [(name: String, value: String)] = []

    var isComplete = false
    var isRedirect: Bool { [301, 302, 303, 307, 308].contains(status) }
    var isEncoded: Bool { headers.contains { $0.name == "content-encoding" && $0.value.lowercased() != "identity" } }
    func first(_ name: String) -> String? { headers.first { $0.name == name }?.value }

    /// One line as libcurl hands it over, line end included. True when it ended the final head.
    mutating func received(_ line: some Collection<UInt8>) -> Bool {
        guard !isComplete else { return false }
        let bytes = line.filter { $0 != 13 && $0 != 10 }
        if bytes.isEmpty { return endOfHead() }
        if bytes.starts(with: "HTTP/".utf8) { return begin(bytes) }
        guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")) else { return false }
        headers.append((Self.text(bytes[..<colon]).lowercased(), Self.text(bytes[(colon + 1)...])))
        return false
    }

    private mutating func begin(_ statusLine: [UInt8]) -> Bool {
        let words = statusLine.split(separator: UInt8(ascii: " "))
        status = words.count > 1 ? Int(Self.text(words[1])) ?? 0 : 0
        headers = []
        return false
    }

    private mutating func endOfHead() -> Bool {
        isComplete = status >= 200
        return isComplete
    }

    /// UTF-8 where it is that, Latin-1 otherwise; white space around it is not part of a value.
    private static func text(_ bytes: ArraySlice<UInt8>) -> String {
        let isSpace: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        let end = bytes.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? bytes.startIndex
        let trimmed = bytes[..<end].drop(while: isSpace)
        return String(validating: trimmed, as: UTF8.self) ?? String(String.UnicodeScalarView(trimmed.map { Unicode.Scalar($0) }))
    }
}
