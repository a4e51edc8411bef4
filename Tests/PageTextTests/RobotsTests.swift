import PageText
import Testing

@Suite struct RobotsTests {
    private func allows(_ rules: String, _ path: String, agent: String = "Tidewheel/1.0 (+https://x)") -> Bool {
        Robots(parsing: Array(rules.utf8)).allows(path, agent: agent)
    }

    @Test func nothingSaidIsAllowed() {
        for rules in ["", "nonsense\n:::\n", "User-agent: *\nDisallow:\n", "Disallow: /\n", "User-agent: other\nDisallow: /"] {
            #expect(allows(rules, "/a"))
        }
    }

    @Test func theLongestRuleWinsAndAllowWinsTies() {
        let rules = "user-agent: *\ndisallow: /a\nallow: /a/b\ndisallow: /a/b/c\nallow: /tie\ndisallow: /tie"
        #expect(
            !allows(rules, "/a/x") && allows(rules, "/a/b/x") && !allows(rules, "/a/b/c/d") && allows(rules, "/tie")
                && allows(rules, "/other"))
    }

    @Test func theAgentsOwnGroupsCountTogetherAndAlone() {
        let rules =
            "User-agent: *\nDisallow: /\n\nUser-Agent: TideWheel\nUser-agent: other\nDisallow: /a\n\nUser-agent: tidewheel/2\nDisallow: /b"
        #expect(allows(rules, "/x") && !allows(rules, "/a") && !allows(rules, "/b"))
        #expect(!allows(rules, "/a", agent: "other") && allows(rules, "/b", agent: "other"))
        #expect(!allows(rules, "/x", agent: "third"))
    }

    @Test(arguments: [
        ("/fish", "/fish.html", true), ("/fish", "/Fish", false), ("/fish*", "/fishheads", true), ("/fish/", "/fish", false),
        ("/*.php", "/a/b.php?x", true),
        ("/*.php$", "/a.php?x", false), ("/*.php$", "/a.php", true), ("/a*b*c", "/axxbyyc/", true), ("/a*b*c$", "/abcbcd", false),
        ("/$", "/", true),
        ("/$", "/a", false), ("*", "/x", true), ("/a%3cd", "/a%3Cd", true), ("/%7ejoe", "/~joe", true), ("/é", "/%C3%A9x", true),
        ("/a?b", "/a?b=c", true),
    ])
    func patternsMatch(pattern: String, path: String, matches: Bool) {
        #expect(allows("User-agent: *\nDisallow: \(pattern)", path) == !matches)
    }

    @Test func wholeAddressesAreAsked() {
        #expect(!allows("User-agent: *\nDisallow: /a?b", "http://e.org/a?b#c"))
        #expect(!allows("User-agent: *\nDisallow: /", "http://e.org") && Robots.allowAll.allows("/", agent: "x"))
        #expect(allows("User-agent: *\nDisallow: /", "/robots.txt"))
    }

    @Test func delaysAndSitemapsAreRead() {
        let text =
            "\u{feff}Sitemap: http://e.org/s.xml # all\r\nUser-agent: * # any\r\nCrawl-delay: 2.5\rSitemap: no\nUser-agent: a\nCrawl-delay: 1e999\n"
        let robots = Robots(parsing: Array(text.utf8))
        #expect(robots.sitemaps == ["http://e.org/s.xml"])
        #expect(robots.crawlDelay(agent: "b") == 2.5)
        #expect(robots.crawlDelay(agent: "a") == nil)
    }

    @Test(.timeLimit(.minutes(1))) func starsDoNotExplode() {
        let rules = "User-agent: *\n" + String(repeating: "Disallow: /" + String(repeating: "a*", count: 500) + "b\n", count: 100)
        #expect(allows(rules, "/" + String(repeating: "a", count: 8000)))
        #expect(allows(String(repeating: "User-agent: a\n", count: 100_000) + String(repeating: "Allow: /x\n", count: 100_000), "/"))
    }

    @Test func onlyTheFirst500KiBAreRead() {
        #expect(allows("User-agent: *\n" + String(repeating: "#\n", count: 300_000) + "Disallow: /", "/"))
    }
}
