/// An HTML page to text: parse, pick the part that is the content, write it as lines.
/// `HTMLDocument` holds libxml2's tree, `HTMLContent` picks, `HTMLText` writes, `HTMLHead` and `HTMLLinks` read the rest.
enum HTMLPage {
    static func read(_ source: String, url: String?, limits: ExtractLimits) -> ExtractedPage {
        var page = ExtractedPage()
        guard let document = HTMLDocument(parsing: source) else { return page }
        var head = HTMLHead(url: url)
        var links = HTMLLinks(limit: limits.links)
        document.walk(from: document.root) { node in
            head.see(node)
            links.see(node)
            return .enter
        }
        page.text = HTMLContent.text(of: document, limit: limits.textBytes)
        page.title = head.title
        page.language = head.language
        page.canonicalURL = head.canonicalURL
        page.noindex = head.noindex
        page.nofollow = head.nofollow
        page.links = links.resolved(against: head.base, nofollow: head.nofollow)
        return page
    }
}
