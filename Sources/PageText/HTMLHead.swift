/// What a page says of itself: title, language, base address, canonical address, robots directives.
struct HTMLHead {
    private(set) var language: String?
    private(set) var canonicalURL: String?
    private(set) var noindex = false
    private(set) var nofollow = false
    private(set) var base: WebAddress?

    private let address: WebAddress?
    private var titleText = ""
    private var heading = ""
    private var socialTitle: String?
    private var collecting: String?
    private var hasBase = false

    init(url: String?) {
        address = url.flatMap { WebAddress($0) }
        base = address
    }

    var title: String {
        [titleText, socialTitle ?? "", heading].map { Ascii.oneLine($0, limit: 300) }.first { !$0.isEmpty } ?? ""
    }

    mutating func see(_ node: HTMLNode) {
        if let text = node.text { return collect(text) }
        guard let element = node.element else { return }
        if node.isClosing {
            if element == collecting { collecting = nil }
            return
        }
        switch element {
        case "html": language = node.attribute("lang").flatMap(Self.tag) ?? node.attribute("xml:lang").flatMap(Self.tag)
        case "title": if titleText.isEmpty, collecting == nil { collecting = element }
        case "h1": if heading.isEmpty, collecting == nil { collecting = element }
        case "base": setBase(node.attribute("href"))
        case "link": readLink(node)
        case "meta": readMeta(node)
        default: break
        }
    }

    private mutating func collect(_ text: String) {
        if collecting == "title", titleText.utf8.count < 4096 { titleText += text }
        if collecting == "h1", heading.utf8.count < 4096 { heading += text }
    }

    private mutating func setBase(_ href: String?) {
        guard !hasBase, let href, let url = WebAddress(href, relativeTo: address) else { return }
        hasBase = true
        base = url
    }

    private mutating func readLink(_ node: HTMLNode) {
        guard canonicalURL == nil, node.attribute("rel")?.lowercased() == "canonical", let href = node.attribute("href") else { return }
        canonicalURL = WebAddress(href, relativeTo: base)?.description
    }

    private mutating func readMeta(_ node: HTMLNode) {
        guard let content = node.attribute("content") else { return }
        switch (node.attribute("name") ?? node.attribute("property") ?? node.attribute("http-equiv") ?? "").lowercased() {
        case "robots": readDirectives(content)
        case "og:title": socialTitle = socialTitle ?? content
        case "content-language": language = language ?? Self.tag(content)
        default: break
        }
    }

    private mutating func readDirectives(_ content: String) {
        let words = content.lowercased().split { $0 == "," || $0.isWhitespace }
        noindex = noindex || words.contains("noindex") || words.contains("none")
        nofollow = nofollow || words.contains("nofollow") || words.contains("none")
    }

    /// A language tag's form, not its existence: `en`, `zh-Hant-TW`.
    private static func tag(_ text: String) -> String? {
        let word = Ascii.trim(text.prefix { $0 != "," })
        let isTag = (2...35).contains(word.utf8.count) && word.utf8.allSatisfy { Ascii.isLetter($0) || Ascii.isDigit($0) || $0 == 0x2d }
        return isTag ? word : nil
    }
}
