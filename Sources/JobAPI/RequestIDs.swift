internal import JobModel

/// Names that callers give to requests and traces: taken when sane, otherwise replaced or dropped, because they go to logs and rows.
enum RequestIDs {
    /// The caller's id when it is 1 to 128 visible ASCII characters, otherwise a fresh one.
    static func accepted(_ given: String?) -> String {
        guard let given, (1...128).contains(given.utf8.count), given.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else {
            return JobID().description
        }
        return given
    }

    /// A W3C `traceparent`, or nil: an invalid one is ignored, never an error. A later version is read as version 00.
    static func traceparent(_ given: String?) -> String? {
        guard let given else { return nil }
        let parts = given.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 4, given.utf8.count <= 128, parts.prefix(4).allSatisfy(isLowerHexadecimal) else { return nil }
        guard parts[0].utf8.count == 2, parts[0] != "ff", parts[0] != "00" || parts.count == 4 else { return nil }
        guard parts[1].utf8.count == 32, parts[2].utf8.count == 16, parts[3].utf8.count == 2 else { return nil }
        guard parts[1].contains(where: { $0 != "0" }), parts[2].contains(where: { $0 != "0" }) else { return nil }
        return given
    }

    private static func isLowerHexadecimal(_ text: Substring) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
