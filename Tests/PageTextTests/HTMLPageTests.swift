import PageText
import Testing

@Suite struct HTMLPageTests {
    private func page(_ html: String, url: String = "https://example.org/docs/index.html") async throws -> ExtractedPage {
        try await PageExtractor().extract(Array(html.utf8), as: .html, url: url)
    }

    @Test func titleLanguageAndCanonicalAddressAreRead() async throws {
        let page = try await page(
            """
            <html lang="de-CH"><head><title>  Ein
            Titel </title><link rel="canonical" href="/kanon"></head><body><p>Hallo</p></body></html>
            """)
        #expect(page.title == "Ein Titel")
        #expect(page.language == "de-CH")
        #expect(page.canonicalURL == "https://example.org/kanon")
    }

    @Test func aPageWithoutTitleIsNamedByItsHeading() async throws {
        #expect(try await page("<h1>The <em>heading</em></h1><p>text").title == "The heading")
        #expect(try await page("<meta property='og:title' content='Social'><h1>x</h1>").title == "Social")
    }

    @Test func theTitleOfADrawingIsNotThePages() async throws {
        #expect(try await page("<title>Page</title><body><svg><title>Logo</title></svg>text").title == "Page")
    }

    @Test func blocksStandOnLinesOfTheirOwnAndWhiteSpaceCollapses() async throws {
        let page = try await page("<h1>One</h1><p>two\n   <b>three</b>, four</p><div>five</div><div>six<br>seven</div>")
        #expect(page.text == "One\n\ntwo three, four\n\nfive\nsix\nseven")
    }

    @Test func listsTablesAndPreformattedTextKeepTheirShape() async throws {
        let page = try await page("<ul><li>a<li>b</ul><table><tr><th>k<th>v<tr><td>1<td>2</table><pre>x {\n    y\n}</pre>")
        #expect(page.text == "- a\n- b\n\nk\tv\n1\t2\n\nx {\n    y\n}")
    }

    @Test func aParagraphInAListItemStaysBesideItsMark() async throws {
        #expect(try await page("<ul><li><p>a</p><p>b</p></li><li>c<ul><li><p>d</p></ul></ul><p>e").text == "- a\n\nb\n\n- c\n  - d\n\ne")
    }

    @Test func entitiesAreDecoded() async throws {
        #expect(try await page("<p>a &amp; b &lt;c&gt; &eacute;&#x1F600;&nbsp;d</p>").text == "a & b <c> é😀 d")
    }

    @Test func scriptsStylesAndHiddenPartsAreSilent() async throws {
        let page = try await page(
            """
            <p>seen</p><script>var a = "<p>no1</p>"</script><style>.no2{}</style><noscript>no3</noscript><template>no4</template>
            <div hidden>no5</div><div aria-hidden="true">no6</div><div style="color:red; display : none">no7</div><svg><text>no8</text></svg>
            <button>no9</button><select><option>no10</select>
            """)
        #expect(page.text == "seen")
    }

    @Test func theMainRegionWinsOverTheFrameAroundIt() async throws {
        let frame = "<nav>Home About</nav><header>Site</header><div class='sidebar'>toc</div>"
        let words = "<h1>Real</h1><p>These are the words of the page.</p>"
        for main in [
            "<main>\(words)</main>", "<div role=main>\(words)</div>", "<article><header>\(words)</header></article>", "<div>\(words)</div>",
        ] {
            #expect(try await page("<body>\(frame)\(main)<footer>Imprint</footer>").text == "Real\n\nThese are the words of the page.")
        }
    }

    @Test func anEmptyMainRegionLosesToTheBody() async throws {
        #expect(try await page("<main></main><div>The words are outside of the main element.</div>").text.contains("outside"))
    }

    @Test func aPageThatIsNothingButNavigationKeepsItsWords() async throws {
        #expect(try await page("<nav><a href=a>An index of everything</a> <a href=b>there is to see</a></nav>").text.contains("everything"))
    }

    @Test func linksAreAbsoluteUniqueAndWithoutFragments() async throws {
        let page = try await page(
            """
            <nav><a href="a.html#top">A <b>link</b></a></nav><a href="a.html#end">again</a><a href="#here">no</a><a href="mailto:x@y">no</a>
            <a href="javascript:void(0)">no</a><a href="//other.example/x" rel="noopener nofollow">other</a><a href="../up?q=1">up</a><a name=x>no</a>
            """)
        #expect(
            page.links == [
                PageLink(url: "https://example.org/docs/a.html", text: "A link", nofollow: false),
                PageLink(url: "https://other.example/x", text: "other", nofollow: true),
                PageLink(url: "https://example.org/up?q=1", text: "up", nofollow: false),
            ])
    }

    @Test func theBaseElementDecidesWhereLinksLead() async throws {
        #expect(try await page("<base href='https://base.example/x/'><a href='y'>y</a>").links.map(\.url) == ["https://base.example/x/y"])
    }

    @Test func linksAreBounded() async throws {
        let many = (0..<20_000).map { "<a href='/p\($0)'>\($0)</a>" }.joined()
        #expect(try await page(many).links.count == ExtractLimits().links)
    }

    @Test(arguments: [("noindex", true, false), ("NOFOLLOW, x", false, true), ("none", true, true), ("index", false, false)])
    func robotsDirectivesAreRead(content: String, noindex: Bool, nofollow: Bool) async throws {
        let page = try await page("<meta name=Robots content='\(content)'><a href=/x>x</a>")
        #expect(page.noindex == noindex)
        #expect(page.nofollow == nofollow)
        #expect(page.links.map(\.nofollow) == [nofollow])
    }

    @Test func messyMarkupComesOutRight() async throws {
        let page = try await page("<p>one<p>two <b>bold <i>both</b> italic</i><td>cell<li>item</ul></body>after")
        for word in ["one", "two bold both italic", "cell", "item", "after"] { #expect(page.text.contains(word)) }
    }

    @Test func emptyInputIsAnEmptyPage() async throws {
        #expect(try await page("").text.isEmpty)
        #expect(try await page("   \n ").text.isEmpty)
    }
}
