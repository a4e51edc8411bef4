/// A directory of finished files, each under the name of its job. A file is there whole or not at all; the disk is never waited for on a shared thread.
import Dispatch
import Glibc
import JobModel
import WebFetch

package struct DeckStore: Sendable {
    let directory: String
    let maxBytes: Int

    package init(directory: String, maxBytes: Int) {
        self.directory = directory
        self.maxBytes = maxBytes
    }

    /// Returns how many bytes were kept. May be repeated: the last whole file stands. `failure` says what a broken transfer means.
    func keep(
        _ body: FetchBody, as name: String, attempt: Int, failure: @Sendable (FetchError) -> JobFailure
    ) async throws(JobFailure) -> Int {
        let file = try await onDisk { () throws(JobFailure) in try DeckFile(directory, name, attempt) }
        do throws(JobFailure) {
            var count = 0
            var pieces = body.makeAsyncIterator()
            while let piece = try await DeckStore.next(&pieces, failure) {
                if count == 0, !DeckStore.isDeck(piece) {
                    throw .permanent("what Presenton sent is neither a presentation nor a PDF", type: "not_a_deck")
                }
                count += piece.count
                try await onDisk { () throws(JobFailure) in try file.append(piece) }
            }
            guard count > 0 else { throw .retry("the file is empty", type: "empty_file") }
            try await onDisk { () throws(JobFailure) in try file.finish() }
            return count
        } catch {
            await Task { try? await onDisk { () throws(JobFailure) in file.discard() } }.value
            throw error
        }
    }

    private static func next(
        _ pieces: inout FetchBody.AsyncIterator, _ failure: (FetchError) -> JobFailure
    ) async throws(JobFailure) -> [UInt8]? {
        do throws(FetchError) { return try await pieces.next(isolation: nil) } catch { throw failure(error) }
    }

    /// A pptx is a zip archive. An error page that comes with status 200 is neither.
    private static func isDeck(_ start: [UInt8]) -> Bool {
        start.starts(with: Array("PK\u{3}\u{4}".utf8)) || start.starts(with: Array("%PDF-".utf8))
    }

    private func onDisk<Value: Sendable>(_ work: @escaping @Sendable () throws(JobFailure) -> Value) async throws(JobFailure) -> Value {
        let result = await withCheckedContinuation { (continuation: CheckedContinuation<Result<Value, JobFailure>, Never>) in
            DispatchQueue.global().async { continuation.resume(returning: Result { () throws(JobFailure) in try work() }) }
        }
        return try result.get()
    }
}

/// One file on its way: written beside its place under a name of this attempt, moved there when it is on the disk.
private final class DeckFile: Sendable {
    private let directory: Int32
    private let file: Int32
    private let name: String
    private let part: String

    init(_ path: String, _ name: String, _ attempt: Int) throws(JobFailure) {
        self.name = name
        part = ".\(name).\(attempt).part"
        directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw DeckFile.failure("the directory for files cannot be entered") }
        // What a killed attempt left.
        for earlier in max(1, attempt - 50)..<max(1, attempt) { unlinkat(directory, ".\(name).\(earlier).part", 0) }
        unlinkat(directory, part, 0)
        file = openat(directory, part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o644)
        guard file >= 0 else {
            let failure = DeckFile.failure("the file cannot be made")
            close(directory)
            throw failure
        }
    }

    deinit {
        if file >= 0 { close(file) }
        if directory >= 0 { close(directory) }
    }

    func append(_ bytes: [UInt8]) throws(JobFailure) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress?.advanced(by: done), $0.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw DeckFile.failure("the file cannot be written") }
            done += count
        }
    }

    func finish() throws(JobFailure) {
        guard fsync(file) == 0, renameat(directory, part, directory, name) == 0, fsync(directory) == 0 else {
            throw DeckFile.failure("the file cannot be kept")
        }
    }

    func discard() { unlinkat(directory, part, 0) }

    private static func failure(_ what: String) -> JobFailure {
        .retry("\(what): \(String(cString: strerror(errno)))", type: "deck_store")
    }
}
