import CLibXML2

/// libxml2's tree of one page. No pointer leaves this file: others see `HTMLNode` values during a walk.
/// Parsing stops at 256 nested elements, as libxml2 has it; what was read until then is there.
final class HTMLDocument {
    private let tree: htmlDocPtr

    /// What the page declares as its charset is ignored. Ends early, with what was read, when the task is cancelled.
    init?(parsing source: String) {
        _ = Self.prepared
        guard let parser = htmlCreatePushParserCtxt(nil, nil, nil, 0, nil, XML_CHAR_ENCODING_UTF8) else { return nil }
        defer { htmlFreeParserCtxt(parser) }
        let options =
            HTML_PARSE_RECOVER.rawValue | HTML_PARSE_NOERROR.rawValue | HTML_PARSE_NOWARNING.rawValue | HTML_PARSE_NONET.rawValue
            | HTML_PARSE_COMPACT.rawValue | HTML_PARSE_IGNORE_ENC.rawValue
        htmlCtxtUseOptions(parser, Int32(options))
        parser.pointee.charset = Int32(XML_CHAR_ENCODING_UTF8.rawValue)
        var source = source
        source.withUTF8 { Self.feed($0, to: parser) }
        htmlParseChunk(parser, nil, 0, 1)
        guard let parsed = parser.pointee.myDoc else { return nil }
        parser.pointee.myDoc = nil
        tree = parsed
    }

    /// In small pieces: between them the parser tells where it stands, and a tag that would take it hours is seen before it is parsed.
    private static func feed(_ bytes: UnsafeBufferPointer<UInt8>, to parser: htmlParserCtxtPtr) {
        var position = 0
        var gauge = AttributeGauge()
        while position < bytes.count, !Task.isCancelled {
            var end = min(position + max(4096, unread(of: parser) / 8), bytes.count)
            // Never within a character.
            while end < bytes.count, bytes[end] & 0xc0 == 0x80 { end += 1 }
            let piece = UnsafeRawPointer(bytes.baseAddress?.advanced(by: position))?.assumingMemoryBound(to: CChar.self)
            // libxml2 2.9.14 goes on searching from a stale place, and then waits for the end of a tag that is there.
            parser.pointee.checkIndex = 0
            htmlParseChunk(parser, piece, Int32(end - position), 0)
            position = end
            if gauge.isExceeded(by: unfinishedTag(of: parser)) { return }
        }
    }

    /// What waits for its end: pieces grow with it, or searching it anew for each piece would cost its square.
    private static func unread(of parser: htmlParserCtxtPtr) -> Int {
        guard parser.pointee.instate != XML_PARSER_START_TAG, let input = parser.pointee.input, let start = input.pointee.cur else {
            return 0
        }
        return input.pointee.end - start
    }

    /// The bytes of a start tag that has not ended yet.
    private static func unfinishedTag(of parser: htmlParserCtxtPtr) -> UnsafeBufferPointer<UInt8>? {
        guard parser.pointee.instate == XML_PARSER_START_TAG, let input = parser.pointee.input, let start = input.pointee.cur,
            let end = input.pointee.end, end > start
        else { return nil }
        return UnsafeBufferPointer(start: start, count: end - start)
    }

    deinit {
        xmlFreeDoc(tree)
    }

    /// Once, before threads use the library.
    private static let prepared: Void = {
        xmlInitParser()
    }()

    var root: HTMLNode? {
        xmlDocGetRootElement(tree).map { HTMLNode(node: $0, isClosing: false) }
    }

    enum Step {
        case enter
        /// Leaves out the element's content and its closing.
        case skip
        case stop
    }

    /// Visits an element and everything in it in document order, elements twice: opening and closing. A loop, not a recursion.
    func walk(from start: HTMLNode?, _ visit: (HTMLNode) -> Step) {
        guard let start else { return }
        let top = start.node
        var current = top
        while true {
            let step = visit(HTMLNode(node: current, isClosing: false))
            if step == .stop { return }
            if step == .enter, current.pointee.type == XML_ELEMENT_NODE, let child = current.pointee.children {
                current = child
                continue
            }
            if step == .enter, current.pointee.type == XML_ELEMENT_NODE, visit(HTMLNode(node: current, isClosing: true)) == .stop { return }
            while current != top, current.pointee.next == nil {
                guard let parent = current.pointee.parent else { return }
                current = parent
                if visit(HTMLNode(node: current, isClosing: true)) == .stop { return }
            }
            guard current != top, let next = current.pointee.next else { return }
            current = next
        }
    }
}

/// An element or a piece of text, valid while its document is.
struct HTMLNode {
    fileprivate let node: xmlNodePtr
    let isClosing: Bool

    fileprivate init(node: xmlNodePtr, isClosing: Bool) {
        self.node = node
        self.isClosing = isClosing
    }

    /// Lower case; nil where the node is not an element.
    var element: String? {
        guard node.pointee.type == XML_ELEMENT_NODE, let name = node.pointee.name else { return nil }
        return String(decodingCString: name, as: UTF8.self)
    }

    var text: String? {
        guard node.pointee.type == XML_TEXT_NODE || node.pointee.type == XML_CDATA_SECTION_NODE else { return nil }
        return node.pointee.content.map { String(decodingCString: $0, as: UTF8.self) }
    }

    /// Identity within its document: for sets of nodes already seen.
    var identity: Int {
        Int(bitPattern: node)
    }

    func attribute(_ name: String) -> String? {
        guard node.pointee.type == XML_ELEMENT_NODE, let value = xmlGetNoNsProp(node, name) else { return nil }
        defer { cxml_free(value) }
        return String(decodingCString: value, as: UTF8.self)
    }
}
