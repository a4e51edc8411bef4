import Glibc

/// A document on disk for a program that wants a file: in a directory of its own that only this user can enter.
enum ScratchFile {
    /// The file is there while `body` runs, and gone afterwards.
    static func with<Result>(
        _ bytes: [UInt8], name: String, _ body: (_ path: String) async throws(ExtractError) -> Result
    ) async throws(ExtractError) -> Result {
        var template = Array("\(parent)/tidewheel-page-XXXXXX".utf8CString)
        guard let made = template.withUnsafeMutableBufferPointer({ $0.baseAddress.flatMap(mkdtemp) }) else {
            throw .unreadable("no temporary directory could be made; is the disk full?")
        }
        let directory = String(cString: made)
        let path = directory + "/" + name
        defer {
            unlink(path)
            rmdir(directory)
        }
        guard write(bytes, to: path) else { throw .unreadable("the document could not be written to a temporary file; is the disk full?") }
        return try await body(path)
    }

    private static var parent: String {
        getenv("TMPDIR").map { String(cString: $0) }.flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "/tmp"
    }

    private static func write(_ bytes: [UInt8], to path: String) -> Bool {
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard file >= 0 else { return false }
        defer { close(file) }
        return bytes.withUnsafeBytes { buffer in
            var done = 0
            while done < buffer.count {
                let count = Glibc.write(file, buffer.baseAddress?.advanced(by: done), buffer.count - done)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }
}
