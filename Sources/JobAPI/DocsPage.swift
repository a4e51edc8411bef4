internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import NIOCore
internal import Synchronization

/// `GET /openapi.json`, and `GET /docs`: a page that shows it, made of files of this program alone.
extension Reception {
    func openAPI(_ exchange: Exchange) -> Response {
        document.answer(of: desk.catalogue, version: settings.version).response(to: exchange)
    }

    func docsPage(_ exchange: Exchange) -> Response {
        DocsPage.page.response(to: exchange)
    }

    func docsFile(_ exchange: Exchange) throws(Problem) -> Response {
        guard let file = exchange.captured.first.flatMap({ DocsPage.files[$0] }) else { throw .unknownRoute }
        return file.response(to: exchange)
    }
}

enum DocsPage {
    /// Everything comes from here, nothing is written in the page itself, nobody frames it.
    static let policy =
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
        + "frame-ancestors 'none'"

    static let page = FixedAnswer(PackageResources.docs_html, "text/html; charset=utf-8", policy: policy)
    /// Their types are browsers' business: `nosniff` lets nothing else run.
    static let files = [
        "docs.css": FixedAnswer(PackageResources.docs_css, "text/css; charset=utf-8", policy: policy),
        "docs.js": FixedAnswer(PackageResources.docs_js, "text/javascript; charset=utf-8", policy: policy),
    ]
}

/// Bytes that stay the same as long as the program runs; browsers ask with the tag whether they still have them.
struct FixedAnswer: Sendable {
    private let body: ByteBuffer
    private let headers: HTTPFields

    init(_ bytes: [UInt8], _ type: String, policy: String? = nil) {
        body = ByteBuffer(bytes: bytes)
        var headers: HTTPFields = [.contentType: type, .cacheControl: "no-cache"]
        headers[.eTag] = "\"\(Digest.sha256(bytes).prefix(32))\""
        headers[named: "Content-Security-Policy"] = policy
        self.headers = headers
    }

    func response(to exchange: Exchange) -> Response {
        let known = exchange.header("If-None-Match").map(ETag.list) ?? []
        guard let tag = headers[.eTag], !ETag.matches(known, tag) else {
            var left = headers
            left[.contentType] = nil
            return Response(status: .notModified, headers: left)
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(byteBuffer: body))
    }
}

/// The document as it was last written: again only when other programs have registered other kinds.
final class KeptDocument: Sendable {
    private let kept = Mutex<(kinds: [JSONValue], answer: FixedAnswer)?>(nil)

    func answer(of catalogue: JobCatalogue, version: String) -> FixedAnswer {
        let kinds = catalogue.registered.map(\.registration)
        return kept.withLock { kept in
            if let kept, kept.kinds == kinds { return kept.answer }
            let answer = FixedAnswer(OpenAPI.document(version: version, catalogue: catalogue).bytes, "application/json")
            kept = (kinds, answer)
            return answer
        }
    }
}
