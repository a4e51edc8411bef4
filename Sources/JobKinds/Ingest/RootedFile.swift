/// Files below one directory, and no others: symbolic links are resolved before the path is judged.
import Dispatch
import Glibc
import JobModel

enum RootedFile {
    /// `uri` is `file:relative/path`, `file:/absolute/path` or `file:///absolute/path`; the path returned is relative to the root.
    static func read(_ uri: String, below root: String, maxBytes: Int) async throws(JobFailure) -> (path: String, bytes: [UInt8]) {
        // A file may be on a disk that hangs: not on the shared threads.
        let result = await withCheckedContinuation { continuation in
            DispatchQueue.global().async {
                continuation.resume(returning: Result { () throws(JobFailure) in try open(uri, root, maxBytes) })
            }
        }
        return try result.get()
    }

    private static func open(_ uri: String, _ root: String, _ maxBytes: Int) throws(JobFailure) -> (path: String, bytes: [UInt8]) {
        let refusal = JobFailure.permanent("the file is not there, or not below the file root", type: "file_refused")
        var path = uri.dropFirst("file:".count)
        if path.hasPrefix("//") { path = path.dropFirst(2) }
        guard !path.utf8.contains(0), let base = resolved(root) else { throw refusal }
        let wanted = path.hasPrefix("/") ? String(path) : base + "/" + path
        guard let real = resolved(wanted), real.hasPrefix(base == "/" ? "/" : base + "/") else { throw refusal }
        // The path has no links left; one that appears since then is not followed.
        let file = Glibc.open(real, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
        guard file >= 0 else { throw refusal }
        defer { close(file) }
        var facts = stat()
        guard fstat(file, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            throw .permanent("the path is not a file", type: "file_refused")
        }
        guard facts.st_size <= maxBytes else { throw SkipReason.tooLarge(maxBytes).failure("The document could not be read") }
        guard let bytes = contents(file, maxBytes) else { throw .retry("the file could not be read", type: "file_unreadable") }
        let relative = Substring(real.utf8.dropFirst(base == "/" ? 1 : base.utf8.count + 1))
        return (String(relative), bytes)
    }

    private static func resolved(_ path: String) -> String? {
        guard let real = realpath(path, nil) else { return nil }
        defer { free(real) }
        return String(cString: real)
    }

    private static func contents(_ file: Int32, _ maxBytes: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 256 << 10)
        while bytes.count <= maxBytes {
            let count = Glibc.read(file, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += piece.prefix(count)
        }
        return nil
    }
}
