import CLibXML2

/// Reads XML as a stream of elements and text: no tree, no DTD, no entities but XML's own five, no network.
enum XMLText {
    enum Event {
        /// Local name, without its prefix. `value` gives an attribute by its qualified name.
        case opened(String, isEmpty: Bool, value: (String) -> String?)
        case closed(String)
        case text(String)
    }

    /// Bytes in any Unicode encoding or one that the declaration names. Throws `.notThatType` where it is not well-formed XML.
    static func read(_ bytes: [UInt8], what: String, each: (Event) -> Bool) throws(ExtractError) {
        let text = Charset.decode(bytes, inside: declaredEncoding(bytes))
        // Refused before parsing: without a DOCTYPE there are no entities to expand.
        guard !text.contains("<!DOCTYPE"), !text.contains("<!ENTITY") else {
            throw .notThatType("\(what) holds a DOCTYPE, which is not accepted")
        }
        guard walk(Array(text.utf8), each: each) else { throw .notThatType("\(what) is not well-formed XML") }
    }

    private static func walk(_ bytes: [UInt8], each: (Event) -> Bool) -> Bool {
        guard let size = Int32(exactly: bytes.count) else { return false }
        return bytes.withUnsafeBytes { buffer in
            let options = Int32(
                XML_PARSE_NONET.rawValue | XML_PARSE_NOERROR.rawValue | XML_PARSE_NOWARNING.rawValue | XML_PARSE_NOCDATA.rawValue
                    | XML_PARSE_IGNORE_ENC.rawValue)
            let start = buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            guard let reader = xmlReaderForMemory(start, size, nil, "UTF-8", options) else { return false }
            defer { xmlFreeTextReader(reader) }
            xmlTextReaderSetStructuredErrorHandler(reader, { _, _ in }, nil)
            var status = xmlTextReaderRead(reader)
            while status == 1 {
                guard emit(reader, each) else { return true }
                status = xmlTextReaderRead(reader)
            }
            return status == 0
        }
    }

    private static func emit(_ reader: xmlTextReaderPtr, _ each: (Event) -> Bool) -> Bool {
        switch xmlTextReaderNodeType(reader) {
        case 1:  // element
            let name = string(xmlTextReaderConstLocalName(reader))
            return each(.opened(name, isEmpty: xmlTextReaderIsEmptyElement(reader) == 1) { attribute(reader, $0) })
        case 15: return each(.closed(string(xmlTextReaderConstLocalName(reader))))
        case 3, 4, 14: return each(.text(string(xmlTextReaderConstValue(reader))))
        default: return true
        }
    }

    private static func attribute(_ reader: xmlTextReaderPtr, _ name: String) -> String? {
        guard let value = xmlTextReaderGetAttribute(reader, name) else { return nil }
        defer { cxml_free(value) }
        return String(decodingCString: value, as: UTF8.self)
    }

    private static func string(_ text: UnsafePointer<xmlChar>?) -> String {
        text.map { String(decodingCString: $0, as: UTF8.self) } ?? ""
    }

    private static func declaredEncoding(_ bytes: [UInt8]) -> String? {
        let head = String(decoding: bytes.prefix(200), as: UTF8.self)
        guard head.hasPrefix("<?xml"), let name = head.prefix(while: { $0 != ">" }).firstRange(of: "encoding=") else { return nil }
        let quoted = head[name.upperBound...].dropFirst()
        return String(quoted.prefix { $0 != "\"" && $0 != "'" })
    }
}
