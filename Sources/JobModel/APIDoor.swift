/// How rooms that are not the API ask it: what is checked, charged, allowed and written down of a request over HTTP is so of these too.
package struct DoorRequest: Sendable {
    package let method: String
    package let path: String
    package var query: [(name: String, value: String)] = []
    package var headers: [String: String] = [:]
    package var body: JSONValue?

    /// The segments are encoded here: what stands in them cannot leave its place.
    package init(_ method: String, _ segments: String..., body: JSONValue? = nil) {
        self.init(method, segments: segments, body: body)
    }

    package init(_ method: String, segments: [String], body: JSONValue? = nil) {
        self.method = method
        path = segments.map { "/" + PercentEncoding.of($0) }.joined()
        self.body = body
    }

    /// Path and query as they stand in a request line.
    package var target: String {
        let pairs = query.map { "\(PercentEncoding.of($0.name))=\(PercentEncoding.of($0.value))" }
        return path + (pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&"))
    }
}

package struct DoorAnswer: Sendable {
    package let status: Int
    /// Names in lower case.
    package let headers: [String: String]
    /// Null for an empty body, and for one that is no JSON.
    package let body: JSONValue

    package init(status: Int, headers: [String: String], body: JSONValue) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// The API cannot be asked at all; the text says what to do.
package struct APIAway: Error, Sendable {
    package let detail: String

    package init(_ detail: String) { self.detail = detail }
}

/// The API, as one caller may use it.
package protocol APIDoor: Sendable {
    /// What it answers is not for everybody.
    var asksForKeys: Bool { get }

    /// Any status is an answer: problems are problem documents.
    func ask(_ request: DoorRequest) async throws(APIAway) -> DoorAnswer

    /// The numbered events of a job behind number `after` (all of them without), to the end of the job. Ends early where they cannot be had:
    /// whoever waits looks at the job again.
    func events(of job: String, after: Int64?) -> AsyncStream<JSONValue>
}

/// RFC 3986, 2: everything but unreserved characters is encoded.
package enum PercentEncoding {
    package static func of(_ text: String) -> String {
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.unicodeScalars.append(Unicode.Scalar(byte))
            default: encoded += "%" + Digest.hexadecimal([byte]).uppercased()
            }
        }
        return encoded
    }
}
