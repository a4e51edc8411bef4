import Glibc
import JobModel
import Synchronization

final class Counter: Sendable {
    private let count = Mutex(0)

    func next() -> Int {
        count.withLock { count in
            count += 1
            return count
        }
    }
}

struct AwayModel: ModelProvider {
    static let failure = JobFailure.retry("The model server does not answer", type: "model_server")
    let name = "away"
    let isStandIn = false

    func answer(
        _ request: ModelRequest, onPiece: (ModelPiece) async throws(JobFailure) -> Void
    ) async throws(JobFailure) -> ModelAnswer { throw Self.failure }
    func embed(_ texts: [String], model: String) async throws(JobFailure) -> [[Float]] { throw Self.failure }
    func models() async throws(JobFailure) -> [ModelDescription] { throw Self.failure }
    func trouble() async -> String? { "away" }
}

enum Sample {
    static func pdf(_ line: String) -> [UInt8] {
        let stream = "BT /F1 12 Tf 72 720 Td (\(line)) Tj ET"
        let objects = [
            "<< /Type /Catalog /Pages 2 0 R >>", "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
            "<< /Length \(stream.utf8.count) >>\nstream\n\(stream)\nendstream", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        ]
        // Without a cross-reference table: readers search for the objects.
        let body = zip(1..., objects).map { "\($0) 0 obj\n\($1)\nendobj\n" }.joined()
        return Array("%PDF-1.4\n\(body)trailer\n<< /Size 6 /Root 1 0 R >>\n%%EOF\n".utf8)
    }

    static func docx(_ line: String) -> [UInt8] {
        output(
            of: """
                d=$(mktemp -d) && cd $d && mkdir word && printf '%s' '<w:document xmlns:w="w"><w:body><w:p><w:r><w:t>\(line)</w:t></w:r></w:p></w:body></w:document>' \
                > word/document.xml && zip -q - word/document.xml; rm -r $d
                """)
    }

    private static func output(of command: String) -> [UInt8] {
        guard let pipe = popen(command, "r") else { return [] }
        defer { pclose(pipe) }
        var bytes = [UInt8](repeating: 0, count: 1 << 20)
        let count = fread(&bytes, 1, bytes.count, pipe)
        return Array(bytes.prefix(count))
    }
}
