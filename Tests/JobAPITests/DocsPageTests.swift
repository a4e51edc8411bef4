import FoundationEssentials
import JobModel
import Testing

@testable import JobAPI

@Suite struct DocsPageTests {
    @Test func theDocumentIsServedToEverybodyAndTagged() async throws {
        try await withAPI({ $0.callers = .required }) { api in
            let answer = try await api.get("/openapi.json")
            #expect(answer.status == 200)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.json["openapi"]?.string?.hasPrefix("3.1.") == true)
            let tag = try #require(answer.headers["etag"])
            #expect(try await api.get("/openapi.json", ["If-None-Match": tag]).status == 304)
            #expect(try await api.get("/openapi.json", ["If-None-Match": "\"other\""]).status == 200)
            #expect(try await api.get("/openapi.json?pretty=1").problem == "invalid-query")
        }
    }

    @Test func thePageLetsNothingInFromElsewhere() async throws {
        try await withAPI { api in
            let page = try await api.get("/docs")
            #expect(page.status == 200)
            #expect(page.headers["content-type"] == "text/html; charset=utf-8")
            for word in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"] {
                #expect(page.headers["content-security-policy"]?.contains(word) == true, "\(word)")
            }
            // Whatever the page names is served here.
            let text = String(decoding: page.body, as: UTF8.self)
            let named = text.split(separator: "\"").filter { $0.hasPrefix("/docs/") }.map(String.init)
            #expect(named.sorted() == ["/docs/docs.css", "/docs/docs.js"])
            for path in named {
                let file = try await api.get(path)
                #expect(file.status == 200)
                #expect(
                    file.headers["content-type"] == (path.hasSuffix("js") ? "text/javascript; charset=utf-8" : "text/css; charset=utf-8"))
                #expect(file.headers["x-content-type-options"] == "nosniff")
            }
            #expect(!text.contains("http://") && !text.contains("https://"))
            #expect(try await api.get("/docs/nothing.js").problem == "unknown-route")
        }
    }

    /// Texts of the document are texts on the page: nothing in the script makes markup or code of them.
    @Test func theScriptMakesNoMarkup() {
        let script = String(decoding: PackageResources.docs_js, as: UTF8.self)
        for word in [
            "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "setAttribute(\"on", "srcdoc",
        ] {
            #expect(!script.contains(word), "\(word)")
        }
        for file in [PackageResources.docs_js, PackageResources.docs_css] {
            #expect(!String(decoding: file, as: UTF8.self).contains("//cdn") && !String(decoding: file, as: UTF8.self).contains("@import"))
        }
    }
}
