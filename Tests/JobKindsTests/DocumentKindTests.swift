import Glibc
import JobLedger
import JobModel
import PostgresWire
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct DocumentKindTests {
    @Test(arguments: ["html", "pdf", "docx", "md", "txt"])
    func everyTypeIsIngestedFromTheWeb(type: String) async throws {
        let words = "Words of the document"
        let answers: [String: (String, [UInt8])] = [
            "html": ("text/html", Array("<title>t</title><p>\(words)".utf8)), "pdf": ("application/pdf", Sample.pdf(words)),
            "docx": ("application/octet-stream", Sample.docx(words)), "md": ("text/markdown", Array("# t\n\n\(words)".utf8)),
            "txt": ("text/plain", Array(words.utf8)),
        ]
        let (contentType, body) = try #require(answers[type])
        let site = try await Site(["/doc": .answer(headers: [("Content-Type", contentType)], body: body)])
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            let result = try await fixture.run("document", ["uri": .string(site.url + "doc")], record)
            #expect(result["doc_type"]?.string == type)
            #expect(result.number("pages_crawled") == 1 && result.number("chunks_created") == 1 && result.number("vectors_stored") == 1)
            #expect(record.progress.map(\.step) == ["fetch", "extract", "chunk", "embed", "store"])
            #expect(record.progress.map(\.percent) == record.progress.map(\.percent).sorted())
            let chunk = try await fixture.pool.query("SELECT text FROM document_chunks").first?.string("text")
            #expect(chunk?.contains(words) == true)
        }
    }

    @Test func anUploadIsIngestedUnderItsOwnTitle() async throws {
        try await KindsFixture.run { fixture in
            let upload = try await fixture.ledger.storeUpload(
                name: "a.md", contentType: "text/plain", bytes: Array("# Heading\nwords".utf8))
            let result = try await fixture.run("document", ["uri": .string("upload:\(upload.id)"), "title": "Mine"])
            #expect(result["title"]?.string == "Mine" && result["doc_type"]?.string == "md")
            #expect(try await fixture.uris() == ["upload:\(upload.id)"])
            let failure = await fixture.failure("document", ["uri": .string("upload:\(JobID())")])
            #expect(failure?.verdict == .permanent && failure?.type == "not_found")
        }
    }

    @Test func filesAreReadBelowTheRootOnly() async throws {
        let root = try TemporaryDirectory.make()
        let outside = try TemporaryDirectory.make()
        #expect(write("words in a file", to: root + "/in.txt") && write("secret", to: outside + "/out.txt"))
        #expect(symlink(outside + "/out.txt", root + "/link.txt") == 0 && symlink("in.txt", root + "/inner.txt") == 0)
        try await KindsFixture.run(fileRoot: root) { fixture in
            for uri in ["file:in.txt", "file://\(root)/in.txt", "file:inner.txt"] {
                let result = try await fixture.run("document", ["uri": .string(uri)])
                #expect(result["uri"] == "file:in.txt")
            }
            for uri in [
                "file:link.txt", "file:///etc/passwd", "file:../\(outside.split(separator: "/").last ?? "")/out.txt", "file:",
                "file:none.txt",
            ] {
                let failure = await fixture.failure("document", ["uri": .string(uri)])
                #expect(failure?.verdict == .permanent && failure?.type == "file_refused", "\(uri)")
            }
        }
    }

    @Test func withoutARootNoFileIsRead() async throws {
        try await KindsFixture.run { fixture in
            let failure = await fixture.failure("document", ["uri": "file:///etc/passwd"])
            #expect(failure?.verdict == .permanent && failure?.message.contains("no file root") == true)
        }
    }

    @Test func whatIsNotThatTypeFailsForGood() async throws {
        let site = try await Site([
            "/a.pdf": .html("<p>Not found, but politely, with words"), "/empty": .answer(headers: [("Content-Type", "text/plain")]),
        ])
        try await KindsFixture.run { fixture in
            let failure = await fixture.failure("document", ["uri": .string(site.url + "a.pdf"), "doc_type": "pdf"])
            #expect(failure?.verdict == .permanent && failure?.message.contains("not a PDF") == true)
            for path in ["empty", "missing"] {
                #expect(await fixture.failure("document", ["uri": .string(site.url + path)])?.verdict == .permanent)
            }
            for uri in ["ftp://example.org/", "nonsense", "http://"] {
                #expect(await fixture.failure("document", ["uri": .string(uri)])?.type == "invalid_input", "\(uri)")
            }
        }
    }

    @Test func aServerThatFailsForNowIsTriedAgain() async throws {
        let site = try await Site(["/": .answer(429, headers: [("Retry-After", "3")])])
        try await KindsFixture.run {
            #expect(await $0.failure("document", ["uri": .string(site.url)])?.verdict == .retry(afterMilliseconds: 3000))
        }
    }

    private func write(_ text: String, to path: String) -> Bool {
        guard let file = fopen(path, "w") else { return false }
        defer { fclose(file) }
        return fputs(text, file) >= 0
    }
}
