/// PDF by poppler's `pdftotext` and `pdfinfo`.
enum PDFDocument {
    static func read(_ bytes: [UInt8], limits: ExtractLimits) async throws(ExtractError) -> ExtractedPage {
        guard bytes.prefix(1024).firstRange(of: Array("%PDF-".utf8)) != nil else {
            throw .notThatType("the document is not a PDF: it does not begin with %PDF-")
        }
        return try await ScratchFile.with(bytes, name: "document.pdf") { path throws(ExtractError) in try await read(path, limits: limits) }
    }

    private static func read(_ path: String, limits: ExtractLimits) async throws(ExtractError) -> ExtractedPage {
        let outcome = try await tool("pdftotext", limits).run(
            ["-enc", "UTF-8", "-nopgbrk", "-q", path, "-"], outputBytes: limits.textBytes)
        if outcome.exitCode != 0 { throw await reason(path, limits: limits) }
        var page = ExtractedPage()
        page.text = String(decoding: outcome.output, as: UTF8.self)
        guard page.text.contains(where: { !$0.isWhitespace }) else {
            throw .unreadable("the PDF holds no text; a scanned document needs character recognition (OCR) first")
        }
        let information = try await tool("pdfinfo", limits).run(["-enc", "UTF-8", path], outputBytes: 256 << 10)
        page.title = title(in: String(decoding: information.output, as: UTF8.self)) ?? firstLine(of: page.text)
        return page
    }

    private static func tool(_ name: String, _ limits: ExtractLimits) -> LimitedTool {
        LimitedTool(name: name, package: "poppler-utils", limits: limits)
    }

    /// `pdfinfo` complains where `pdftotext -q` is silent.
    private static func reason(_ path: String, limits: ExtractLimits) async -> ExtractError {
        let outcome = try? await tool("pdfinfo", limits).run(["-enc", "UTF-8", path], outputBytes: 256 << 10)
        let complaint = outcome?.complaint.lowercased() ?? ""
        return complaint.contains("password")
            ? .encrypted : .notThatType("the document is not a PDF that can be read: it is damaged or cut off")
    }

    private static func title(in information: String) -> String? {
        let line = information.split(separator: "\n").first { $0.hasPrefix("Title:") }
        let title = line.map { Ascii.trim($0.dropFirst(6)) } ?? ""
        return title.isEmpty ? nil : title
    }

    private static func firstLine(of text: String) -> String {
        let line = text.prefix(2000).split { $0.isNewline }.first { line in line.contains { !$0.isWhitespace } }
        return line.map { Ascii.oneLine($0, limit: 120) } ?? ""
    }
}
