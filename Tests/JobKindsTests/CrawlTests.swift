import JobModel
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1))) struct CrawlTests {
    @Test func pagesThatLinksLeadToAreStored() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site([
                "/": Site.page("home", links: ["/a", "b#x", "/a#y", "mailto:x@y"]), "/a": Site.page("a", links: ["/", "/c"]),
                "/b": Site.page("b"),
                "/c": Site.page("c", links: ["/d"]), "/d": Site.page("d"),
            ])
            let result = try await fixture.crawl(site, ["max_depth": 2])
            #expect(result.number("pages_crawled") == 4)
            #expect(result.number("pages_skipped") == 0)
            #expect(result.number("chunks_created") == 4 && result.number("vectors_stored") == 4)
            #expect(result["embedding_provider"]?.string == "echo" && result["stand_in"]?.boolean == true)
            #expect(try await fixture.uris() == ["", "a", "b", "c"].map { site.url + $0 })
            #expect(try await fixture.count("SELECT count(*) FROM document_chunks WHERE embedding IS NOT NULL") == 4)
            #expect(site.asked == ["/": 1, "/a": 1, "/b": 1, "/c": 1])
        }
    }

    @Test func neverMorePagesThanAskedFor() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site { request in
                request.path == "/" ? Site.page("home", links: (0..<1000).map { "/p\($0)" }) : Site.page(request.path)
            }
            let result = try await fixture.crawl(site, ["max_pages": 7])
            #expect(result.number("pages_crawled") == 7)
            #expect(try await fixture.count("SELECT count(*) FROM documents") == 7)
            #expect(site.asked.count == 7)
        }
    }

    @Test func aSiteOfNothingButErrorsEndsAndSaysSo() async throws {
        try await KindsFixture.run { fixture in
            let links = (0..<3000).map { "/missing\($0)" }
            let site = try await Site(["/": Site.page("home", links: links, head: "<meta name=robots content=noindex>")])
            let result = try await fixture.crawl(site, ["max_pages": 1])
            #expect(result.number("pages_crawled") == 0 && result.number("pages_skipped") == 200)
            #expect(result["skipped"]?.array?.count == 200 && result.skips("http_404") == 199)
            #expect(result["links_ignored"] == true && result["visits_exhausted"] == true)
        }
    }

    @Test func loopsEnd() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site([
                "/": Site.page("home", links: ["/", "/a", "?"]), "/a": Site.page("a", links: ["/", "/a", "./a", "/x/../a"]),
            ])
            #expect(try await fixture.crawl(site, ["max_pages": 1000, "max_depth": 50]).number("pages_crawled") == 2)
        }
    }

    @Test func whatCannotBeHadIsSkippedWithItsReason() async throws {
        try await KindsFixture.run { fixture in
            let huge = [UInt8](repeating: 0x61, count: 5 << 20)
            let site = try await Site([
                "/": Site.page(
                    "home", links: ["missing", "broken", "image", "huge", "endless", "hidden", "gone", "good", "header", "fake.pdf"]),
                "/broken": .text("", status: 500), "/image": .answer(headers: [("Content-Type", "image/png")], body: [1, 2, 3]),
                "/huge": .answer(headers: [("Content-Type", "text/html")], body: huge),
                "/endless": .endless(
                    headers: [("Content-Type", "text/html")], piece: Array(String(repeating: "<p>more</p>", count: 10_000).utf8)),
                "/hidden": Site.page("hidden", head: "<meta name=robots content=noindex>"), "/gone": .drop, "/good": Site.page("good"),
                "/header": .answer(
                    headers: [("Content-Type", "text/html"), ("X-Robots-Tag", "noindex")], body: Array("<p>words and words".utf8)),
                "/fake.pdf": .answer(headers: [("Content-Type", "application/pdf")], body: Array("no pdf".utf8)),
            ])
            let result = try await fixture.crawl(site, ["max_pages": 100])
            #expect(result.number("pages_crawled") == 2)
            #expect(result.number("pages_skipped") == 9)
            let expected = [
                "http_404": 1, "http_500": 1, "unsupported_type": 1, "too_large": 2, "noindex": 2, "unreachable": 1, "unreadable": 1,
            ]
            for (reason, count) in expected { #expect(result.skips(reason) == count, "\(reason)") }
            let listed = result["skipped"]?.array ?? []
            #expect(listed.count == 9 && listed.allSatisfy { $0["url"]?.string != nil && $0["detail"]?.string?.isEmpty == false })
            #expect(try await fixture.count("SELECT count(*) FROM documents") == 2)
        }
    }

    @Test func pagesWithTheSameWordsAreStoredOnce() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site(["/": Site.page("home", links: ["/a?x=1", "/a?x=2", "/a?x=3"]), "/a": Site.page("a")])
            let result = try await fixture.crawl(site)
            #expect(result.number("pages_crawled") == 2 && result.skips("duplicate") == 2)
        }
    }

    @Test func redirectsAreFollowedWithinTheSiteOnly() async throws {
        try await KindsFixture.run { fixture in
            let other = try await Site(["/": Site.page("other")])
            let site = try await Site([
                "/": Site.page("home", links: ["/out", "/in", "/again", "/loop"]), "/out": Site.redirect(other.url),
                "/in": Site.redirect("/target"),
                "/again": Site.redirect("/"), "/loop": Site.redirect("/loop"), "/target": Site.page("target"),
            ])
            let result = try await fixture.crawl(site)
            #expect(result.number("pages_crawled") == 2)
            #expect(result.skips("outside_site") == 1 && result.skips("duplicate") == 1 && result.skips("redirects") == 1)
            #expect(try await fixture.uris() == [site.url, site.url + "target"])
        }
    }

    @Test func otherSitesNeedToBeAllowed() async throws {
        try await KindsFixture.run { fixture in
            let other = try await Site(["/": Site.page("other")])
            let site = try await Site(["/": Site.page("home", links: [other.url, "http://example.invalid/"])])
            #expect(try await fixture.crawl(site).number("pages_crawled") == 1)
            #expect(other.asked.isEmpty)
            #expect(try await fixture.crawl(site, ["allow_domains": ["https://127.0.0.1/"]]).number("pages_crawled") == 2)
        }
    }

    @Test func linksThatAskNotToBeFollowedAreNot() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site([
                "/": .html("<title>h</title><p>Words of the home page are here.<a rel=nofollow href=/a>a</a><a href=/b>b</a>"),
                "/a": Site.page("a"),
                "/b": Site.page("b", links: ["/c"], head: "<meta name=robots content=nofollow>"), "/c": Site.page("c"),
            ])
            #expect(try await fixture.crawl(site).number("pages_crawled") == 2)
            #expect(site.asked.keys.sorted() == ["/", "/b"])
        }
    }

    @Test func robotsRulesAreKept() async throws {
        try await KindsFixture.run { fixture in
            let pages = [
                "/robots.txt": StubResponse.text("User-agent: tidewheel\nDisallow: /private\nUser-agent: *\nDisallow: /"),
                "/": Site.page("home", links: ["/private/a", "/b", "/to"]), "/private/a": Site.page("secret"), "/b": Site.page("b"),
                "/to": Site.redirect("/private/a"),
            ]
            let site = try await Site(pages)
            let result = try await fixture.crawl(site)
            #expect(result.number("pages_crawled") == 2)
            #expect(result.skips("robots") + result.skips("duplicate") == 2)
            #expect(try await fixture.uris() == [site.url, site.url + "b"])
            #expect(try await fixture.crawl(try await Site(pages), ["respect_robots": false]).number("pages_crawled") == 3)
        }
    }

    @Test func anUnreachableRobotsFileForbidsTheSiteForNow() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site(["/robots.txt": .text("", status: 503), "/": Site.page("home")])
            let failure = await fixture.failure("web_crawl", ["url": .string(site.url)])
            #expect(failure?.verdict == .retry(afterMilliseconds: nil) && failure?.type == "robots_unreachable")
            #expect(site.asked.isEmpty)
        }
    }

    @Test func theSitemapNamesPagesThatNoLinkLeadsTo() async throws {
        try await KindsFixture.run { fixture in
            let server = try await Site { request in
                let base = "http://\(request.header("host") ?? "")"
                switch request.path {
                case "/robots.txt": return .text("Sitemap: \(base)/index.xml")
                case "/index.xml":
                    return .text("<sitemapindex><sitemap><loc>\(base)/map.xml</loc></sitemap></sitemapindex>", type: "text/xml")
                case "/map.xml":
                    let urls = ["/", "/orphan", "/a"].map { "<url><loc>\(base)\($0)</loc></url>" }.joined()
                    return .text("<urlset>\(urls)<url><loc>http://elsewhere.invalid/</loc></url></urlset>", type: "text/xml")
                case "/": return Site.page("home", links: ["/a"])
                default: return Site.page(request.path)
                }
            }
            #expect(try await fixture.crawl(server).number("pages_crawled") == 3)
            #expect(try await fixture.uris().contains(server.url + "orphan"))
            #expect(try await fixture.crawl(server, ["use_sitemap": false]).number("pages_crawled") == 2)
        }
    }

    @Test func aSecondCrawlReplacesWhatTheFirstStored() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site(["/": .html("<title>long</title><p>" + String(repeating: "Many words are here. ", count: 500))])
            let first = try await fixture.crawl(site)
            #expect(try #require(first.number("chunks_created")) > 5)
            let second = try await fixture.crawl(site)
            #expect(second.number("chunks_created") == first.number("chunks_created"))
            #expect(try await fixture.count("SELECT count(*) FROM document_chunks") == first.number("chunks_created"))
            #expect(try await fixture.count("SELECT max(generation) FROM documents") == 2)
        }
    }

    @Test func progressNeverFallsAndNamesItsSteps() async throws {
        try await KindsFixture.run { fixture in
            let record = JobRecord()
            let site = try await Site { request in
                request.path == "/"
                    ? Site.page("home", links: (0..<9).map { "/p\($0)" })
                    : Site.page(request.path, links: ["/none\(request.path.dropFirst())"])
            }
            _ = try await fixture.crawl(site, ["max_pages": 5], record)
            let percents = record.progress.map(\.percent)
            #expect(percents == percents.sorted() && percents.allSatisfy { $0 < 100 })
            #expect(record.progress.prefix(2).map(\.step) == ["robots", "sitemap"])
            #expect(record.progress.last?.message.hasPrefix("page 5 of 5: ") == true)
            #expect(record.events.last?.fields["page_url"]?.string?.hasPrefix(site.url) == true)
            #expect(record.events.last?.fields["pages_crawled"] == 5)
        }
    }

    @Test func politenessSpacesTheStarts() async throws {
        try await KindsFixture.run { fixture in
            let site = try await Site { request in
                request.path == "/" ? Site.page("home", links: ["/a", "/b", "/c"]) : Site.page(request.path)
            }
            let begin = ContinuousClock.now
            #expect(try await fixture.crawl(site, ["delay_ms": 150]).number("pages_crawled") == 4)
            #expect(ContinuousClock.now - begin >= .milliseconds(450))
        }
    }
}
