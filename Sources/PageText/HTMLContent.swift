/// Which part of a page is its content. Main regions win; navigation, headers and footers of a site are left out;
/// and where that leaves nothing, the whole body is taken after all.
enum HTMLContent {
    static func text(of document: HTMLDocument, limit: Int) -> String {
        for regions in [regions(of: document, isMain), regions(of: document) { $0.element == "article" }] {
            let text = regions.map { write($0, of: document, limit: limit, leavingOut: isBoilerplate) }.joined(separator: "\n\n")
            if isEnough(text) { return text }
        }
        let clean = write(document.root, of: document, limit: limit, leavingOut: isBoilerplate)
        return isEnough(clean) ? clean : write(document.root, of: document, limit: limit) { _ in false }
    }

    /// A region with hardly a word is a frame that scripts fill, or markup gone wrong.
    private static func isEnough(_ text: String) -> Bool {
        text.utf8.lazy.filter { !Ascii.isSpace($0) }.prefix(25).count == 25
    }

    private static func isMain(_ node: HTMLNode) -> Bool {
        node.element == "main" || node.attribute("role")?.lowercased() == "main"
    }

    /// The outermost elements that fit, at most 200.
    private static func regions(of document: HTMLDocument, _ fits: (HTMLNode) -> Bool) -> [HTMLNode] {
        var found: [HTMLNode] = []
        document.walk(from: document.root) { node in
            guard !node.isClosing, node.element != nil, fits(node) else { return .enter }
            found.append(node)
            return found.count < 200 ? .skip : .stop
        }
        return found
    }

    private static func write(_ top: HTMLNode?, of document: HTMLDocument, limit: Int, leavingOut isLeftOut: (HTMLNode) -> Bool) -> String {
        var writer = HTMLText(limit: limit)
        var articles = 0
        document.walk(from: top) { node in
            if let element = node.element {
                if !node.isClosing, HTMLText.isInvisible(element, node) { return .skip }
                if element == "article" || element == "main" { articles += node.isClosing ? -1 : 1 }
                // A header inside an article belongs to the article: it holds the headline.
                let isHeadline = articles > 0 && element == "header"
                if !node.isClosing, !isHeadline, node.identity != top?.identity, isLeftOut(node) { return .skip }
            }
            return writer.take(node) ? .enter : .stop
        }
        return writer.finished
    }

    private static let boilerplateElements: Set<String> = ["nav", "header", "footer", "aside", "menu"]
    private static let boilerplateRoles: Set<String> = [
        "navigation", "banner", "contentinfo", "search", "complementary", "menu", "menubar", "dialog",
    ]
    private static let boilerplateWords: Set<String> = [
        "nav", "navbar", "navigation", "menu", "sidebar", "sphinxsidebar", "footer", "site-footer", "site-header", "breadcrumb",
        "breadcrumbs",
        "toc", "table-of-contents", "pagination", "cookie-banner", "cookie-consent", "related", "prev-next-area", "skip-link",
        "skip-to-content",
        "headerlink", "edit-this-page", "rst-versions", "masthead",
    ]

    private static func isBoilerplate(_ node: HTMLNode) -> Bool {
        guard let element = node.element, element != "body", element != "html" else { return false }
        if boilerplateElements.contains(element) { return true }
        if let role = node.attribute("role"), boilerplateRoles.contains(role.lowercased()) { return true }
        let names = [node.attribute("class"), node.attribute("id")].compactMap { $0?.lowercased() }
        return names.contains {
            $0.utf8.count < 1000 && $0.split(whereSeparator: \.isWhitespace).contains { boilerplateWords.contains(String($0)) }
        }
    }
}
