/// Every link of a page, navigation included: what is noise to a reader is the way through the site to a crawler.
struct HTMLLinks {
    private struct Found {
        let target: String
        let nofollow: Bool
        var text = ""
    }

    private let limit: Int
    private var found: [Found] = []
    private var isInLink = false

    init(limit: Int) {
        self.limit = limit
    }

    mutating func see(_ node: HTMLNode) {
        if let text = node.text {
            if isInLink, !found.isEmpty, found[found.count - 1].text.utf8.count < 400 { found[found.count - 1].text += text }
            return
        }
        switch node.element {
        case "a", "area": node.isClosing ? (isInLink = false) : open(node, target: node.attribute("href"))
        case "frame", "iframe": if !node.isClosing { open(node, target: node.attribute("src")) }
        default: break
        }
    }

    /// Absolute, each address once, in the page's order.
    func resolved(against base: WebAddress?, nofollow: Bool) -> [PageLink] {
        var seen: Set<String> = []
        return found.compactMap { link in
            guard let url = WebAddress(link.target, relativeTo: base)?.description, seen.insert(url).inserted else { return nil }
            return PageLink(url: url, text: Ascii.oneLine(link.text, limit: 200), nofollow: nofollow || link.nofollow)
        }
    }

    private mutating func open(_ node: HTMLNode, target: String?) {
        isInLink = false
        guard let target, found.count < limit, target.utf8.count <= WebAddress.maxBytes else { return }
        let words = node.attribute("rel")?.lowercased().split { $0.isWhitespace } ?? []
        guard !target.hasPrefix("#"), node.attribute("download") == nil else { return }
        found.append(Found(target: target, nofollow: words.contains("nofollow")))
        isInLink = node.element == "a"
    }
}
