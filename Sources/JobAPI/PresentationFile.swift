internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
internal import JobDesk
internal import JobModel
internal import Logging
internal import NIOCore

/// `GET /api/presentations/{id}/file`: the file that a worker kept. It is read from the directory by pieces, in step with the client.
extension Reception {
    func presentationFile(_ exchange: Exchange) async throws -> Response {
        let presentation = try await desk.presentation(exchange.presentationID())
        let job = try await desk.read(presentation.id)
        guard job.state.isTerminal else { throw Problem.notFinished(job) }
        guard job.state == .completed else { throw Problem.withoutResult(job) }
        guard let name = PresentationFile.name(of: job) else { throw Problem.fileNotKept(job) }
        guard let directory = settings.deckDirectory else { throw Problem.noDeckDirectory }
        guard let place = streams.take() else { throw Problem.tooManyStreams }
        guard let file = await KeptFile.open(name, in: directory) else {
            logger.warning("The file of a presentation is not in its directory", metadata: ["job_id": "\(job.id)"])
            throw Problem.fileGone
        }
        var headers: HTTPFields = [.contentType: PresentationFile.contentType(name), .cacheControl: "private, no-cache"]
        headers[named: "Content-Disposition"] = PresentationFile.disposition(name, topic: presentation.topic)
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(contentLength: file.size) { writer in
                defer { withExtendedLifetime(place) {} }
                var left = file.size
                while left > 0 {
                    let piece = try await file.next(atMost: left)
                    left -= piece.count
                    try await writer.write(ByteBuffer(bytes: piece))
                }
                try await writer.finish(nil)
            })
    }
}

enum PresentationFile {
    private static let types = [
        "pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation", "pdf": "application/pdf",
    ]

    /// What the worker called it: the job's id and a type. Anything else in the result opens no file.
    static func name(of job: Job) -> String? {
        guard let name = job.result?["file"]?["name"]?.string else { return nil }
        return types.keys.contains { name == "\(job.id).\($0)" } ? name : nil
    }

    static func contentType(_ name: String) -> String {
        types[type(name)] ?? "application/octet-stream"
    }

    private static func type(_ name: String) -> String {
        name.split(separator: ".").last.map(String.init) ?? ""
    }

    /// RFC 6266: a plain name for old clients, the topic in RFC 8187's form for the others. Of the topic only letters, digits, blanks and `-`
    /// are taken: nothing in it can end the header, climb directories or turn the direction of the text.
    static func disposition(_ name: String, topic: String) -> String {
        let type = type(name)
        let letters = topic.unicodeScalars.prefix(500).map { scalar -> Character in
            let isPlain = scalar == "-" || scalar.properties.isAlphabetic || scalar.properties.numericType == .decimal
            return isPlain ? Character(scalar) : " "
        }
        let title = String(letters).split(separator: " ").joined(separator: " ").prefix(60)
        let plain = "attachment; filename=\"presentation-\(name)\""
        guard !title.isEmpty else { return plain }
        return plain + "; filename*=UTF-8''" + encoded("\(title).\(type)")
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        return text.utf8.map { byte in
            let isPlain = byte < 0x80 && (Character(UnicodeScalar(byte)).isLetter || Character(UnicodeScalar(byte)).isNumber)
            return isPlain || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
                ? String(UnicodeScalar(byte)) : "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }
}
