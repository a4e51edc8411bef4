import PageText
import Testing

@Suite struct WebAddressTests {
    @Test(arguments: [
        ("HTTP://Example.ORG", "http://example.org/"), ("https://example.org:443/a", "https://example.org/a"),
        ("http://example.org:8080", "http://example.org:8080/"), ("http://e.org/a/./b/../c/", "http://e.org/a/c/"),
        ("http://e.org/../..", "http://e.org/"), ("http://e.org/a#b", "http://e.org/a"), ("http://e.org/a?", "http://e.org/a"),
        ("http://e.org/a?b=c#d?e", "http://e.org/a?b=c"), ("http://e.org/%7euser/%2f%c3%a9", "http://e.org/~user/%2F%C3%A9"),
        ("http://e.org/é x", "http://e.org/%C3%A9%20x"), ("  http://e.org/a\nb\t ", "http://e.org/ab"),
        ("http:\\\\e.org\\a", "http://e.org/a"),
        ("http://e.org./", "http://e.org/"), ("http://[::1]:80/", "http://[::1]/"), ("http://e.org/a//b", "http://e.org/a//b"),
        ("http://e.org/%zz%", "http://e.org/%25zz%25"), ("http://e.org:/", "http://e.org/"), ("http://e.org/a/%2e%2E/b", "http://e.org/b"),
        ("http://bücher.example/", "http://bücher.example/"), ("http://e.org?q", "http://e.org/?q"),
    ])
    func oneSpellingForEachAddress(text: String, normal: String) throws {
        #expect(WebAddress.normalise(text) == normal)
        #expect(WebAddress.normalise(normal) == normal)
    }

    @Test(arguments: [
        "", "/a", "example.org", "ftp://e.org/", "file:///etc/passwd", "javascript:alert(1)", "mailto:a@b", "http://", "http:///a",
        "http://u:p@e.org/",
        "http://e.org:0/", "http://e.org:99999/", "http://e.org:x/", "http://a b/", "http://a%41/", "data:text/html,x",
        "http://e.org\u{0}/",
    ])
    func whatCannotBeFollowedIsNil(text: String) {
        #expect(WebAddress.normalise(text) == nil)
    }

    @Test func longAddressesAreNil() {
        #expect(WebAddress.normalise("http://e.org/" + String(repeating: "a", count: 9000)) == nil)
        #expect(WebAddress.normalise("http://e.org/" + String(repeating: "é", count: 3000)) == nil)
    }

    /// The examples of RFC 3986 §5.4 that stay within http.
    @Test(arguments: [
        ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"), ("/g", "http://a/g"), ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"), ("#s", "http://a/b/c/d;p?q"), ("", "http://a/b/c/d;p?q"),
        (";x", "http://a/b/c/;x"),
        (".", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"), ("../..", "http://a/"), ("../../../g", "http://a/g"),
        ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"), ("http:g", "http://a/b/c/g"),
        ("https://h/x", "https://h/x"),
    ])
    func referencesAreResolved(reference: String, target: String) {
        #expect(WebAddress.normalise(reference, relativeTo: "http://a/b/c/d;p?q") == target)
    }

    @Test func sitesAndDomainsAreCompared() throws {
        let docs = try #require(WebAddress("https://docs.example.org/a"))
        #expect(docs.belongs(toDomain: "example.org") && docs.belongs(toDomain: "Docs.Example.org"))
        #expect(!docs.belongs(toDomain: "ample.org") && !docs.belongs(toDomain: "a.docs.example.org") && !docs.belongs(toDomain: ""))
        let www = try #require(WebAddress("http://www.docs.example.org/"))
        #expect(docs.isSameSite(as: www))
        let port = try #require(WebAddress("http://docs.example.org:8080/"))
        #expect(!docs.isSameSite(as: port))
        #expect(WebAddress.host(of: "http://E.org:1/") == "e.org")
        #expect(port.origin == "http://docs.example.org:8080")
    }
}
