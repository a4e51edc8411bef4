/// One document from the web, whole and of a type that can be read, or why not.
import JobModel
import PageText
import WebFetch

struct FetchedDocument: Sendable {
    /// Where redirects led.
    let address: WebAddress
    let contentType: String?
    let type: DocumentType
    let bytes: [UInt8]
    /// By `X-Robots-Tag`.
    let noindex: Bool
    let nofollow: Bool
}

struct PageFetch: Sendable {
    let fetcher: Fetcher
    /// HTML and text; other types may be `maxFileBytes` long.
    var maxPageBytes = 4 << 20
    var maxFileBytes = 16 << 20

    private static let accept = "text/html,application/xhtml+xml,application/pdf;q=0.9,text/markdown;q=0.9,text/plain;q=0.8,*/*;q=0.5"

    /// `mayRead` is asked when the head is there, with the address that redirects led to: before the body costs anything.
    func document(
        at address: WebAddress, as wanted: DocumentType? = nil, _ mayRead: (WebAddress) async throws(JobFailure) -> SkipReason?
    ) async throws(JobFailure) -> Result<FetchedDocument, SkipReason> {
        let response: FetchResponse
        do { response = try await fetcher.fetch(request(address)) } catch { return .failure(try reason(error)) }
        guard response.status == 200 else {
            return .failure(SkipReason(status: response.status, retryAfter: response.header("retry-after")))
        }
        guard let final = WebAddress(response.url) else { return .failure(.outside) }
        if let refusal = try await mayRead(final) { return .failure(refusal) }
        do { return try await read(response, final, wanted) } catch { return .failure(try reason(error)) }
    }

    private func reason(_ error: FetchError) throws(JobFailure) -> SkipReason {
        if let end = error.end { throw end }
        return SkipReason(error)
    }

    private func request(_ address: WebAddress) -> FetchRequest {
        var limits = FetchLimits()
        limits.totalTimeout = .seconds(60)
        limits.idleTimeout = .seconds(15)
        limits.maxBodyBytes = maxFileBytes
        return FetchRequest(url: address.description, headers: [("Accept", Self.accept)], limits: limits)
    }

    private func read(
        _ response: FetchResponse, _ address: WebAddress, _ wanted: DocumentType?
    ) async throws(FetchError) -> Result<FetchedDocument, SkipReason> {
        let contentType = response.contentType
        guard wanted != nil || DocumentType.mayBe(contentType: contentType) else { return .failure(.wrongType(contentType)) }
        let isPage = ["html", "text/"].contains { contentType?.lowercased().contains($0) ?? false }
        let limit = isPage ? maxPageBytes : maxFileBytes
        let bytes = try await response.body.first(limit + 1)
        guard bytes.count <= limit else { return .failure(.tooLarge(limit)) }
        guard let type = wanted ?? DocumentType.detect(contentType: contentType, name: address.path, bytes: bytes) else {
            return .failure(bytes.isEmpty ? .empty : .wrongType(contentType))
        }
        let directives = response.header("x-robots-tag")?.lowercased() ?? ""
        return .success(
            FetchedDocument(
                address: address, contentType: contentType, type: type, bytes: bytes,
                noindex: directives.contains("noindex") || directives.contains("none"),
                nofollow: directives.contains("nofollow") || directives.contains("none")))
    }
}
