import Glibc
import PageText

/// Small real files made byte by byte, so that the tests need no fixtures.
enum SampleFiles {
    /// A PDF of one page with one line of text; the cross-reference table is right.
    static func pdf(_ line: String, title: String? = nil) -> [UInt8] {
        let stream = "BT /F1 12 Tf 72 720 Td (\(line)) Tj ET"
        var objects = [
            "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
            "<< /Length \(stream.utf8.count) >>\nstream\n\(stream)\nendstream", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        if let title { objects.append("<< /Title (\(title)) >>") }
        var file = "%PDF-1.4\n"
        var offsets: [Int] = []
        for (number, object) in Swift.zip(1..., objects) {
            offsets.append(file.utf8.count)
            file += "\(number) 0 obj\n\(object)\nendobj\n"
        }
        let table = file.utf8.count
        let rows = offsets.map { offset in String(repeating: "0", count: 10 - String(offset).count) + "\(offset) 00000 n \n" }.joined()
        file += "xref\n0 \(objects.count + 1)\n0000000000 65535 f \n\(rows)"
        let information = title == nil ? "" : " /Info \(objects.count) 0 R"
        return Array((file + "trailer\n<< /Size \(objects.count + 1) /Root 1 0 R\(information) >>\nstartxref\n\(table)\n%%EOF\n").utf8)
    }

    static func docx(body: String, properties: String? = nil, links: String? = nil) -> [UInt8] {
        let space = #"xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main""#
        let namespaces = space + #" xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006""#
        var parts = [("word/document.xml", #"<?xml version="1.0"?><w:document \#(namespaces)><w:body>\#(body)</w:body></w:document>"#)]
        if let properties {
            let space = #"xmlns:dc="http://purl.org/dc/elements/1.1/""#
            parts.append(("docProps/core.xml", "<cp:coreProperties xmlns:cp=\"x\" \(space)>\(properties)</cp:coreProperties>"))
        }
        if let links { parts.append(("word/_rels/document.xml.rels", "<Relationships>\(links)</Relationships>")) }
        return zip(parts.map { ($0.0, Array($0.1.utf8)) })
    }

    /// A zip with stored entries.
    static func zip(_ parts: [(name: String, data: [UInt8])]) -> [UInt8] {
        var file: [UInt8] = []
        var directory: [UInt8] = []
        for part in parts {
            let sizes = four(crc(part.data)) + four(part.data.count) + four(part.data.count) + two(part.name.utf8.count) + two(0)
            let offset = file.count
            file += four(0x0403_4b50) + two(20) + two(0) + two(0) + four(0x21_0000) + sizes + Array(part.name.utf8) + part.data
            directory +=
                four(0x0201_4b50) + two(20) + two(20) + two(0) + two(0) + four(0x21_0000) + sizes + two(0) + two(0) + two(0) + four(0)
            directory += four(offset) + Array(part.name.utf8)
        }
        let end =
            four(0x0605_4b50) + two(0) + two(0) + two(parts.count) + two(parts.count) + four(directory.count) + four(file.count) + two(0)
        return file + directory + end
    }

    static var scratch: String { getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp" }

    /// What a shell command prints: for files that only a program can make, such as zip bombs.
    static func output(of command: String, limit: Int = 4 << 20) -> [UInt8] {
        guard let pipe = popen(command, "r") else { return [] }
        defer { pclose(pipe) }
        var bytes = [UInt8](repeating: 0, count: limit)
        let count = fread(&bytes, 1, limit, pipe)
        return Array(bytes.prefix(count))
    }

    private static func two(_ value: Int) -> [UInt8] { [UInt8(value & 255), UInt8(value >> 8 & 255)] }
    private static func four(_ value: Int) -> [UInt8] { two(value) + two(value >> 16) }

    private static func crc(_ data: [UInt8]) -> Int {
        var sum: UInt32 = ~0
        for byte in data {
            sum ^= UInt32(byte)
            for _ in 0..<8 { sum = sum & 1 == 1 ? sum >> 1 ^ 0xedb8_8320 : sum >> 1 }
        }
        return Int(~sum)
    }
}
