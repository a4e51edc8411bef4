/// A file that is open for one reader. The disk is never waited for on a shared thread.
internal import Dispatch
internal import Glibc

final class KeptFile: Sendable {
    private static let pieceBytes = 256 << 10
    private let descriptor: Int32
    let size: Int

    struct Broken: Error {}

    private init(_ descriptor: Int32, _ size: Int) {
        self.descriptor = descriptor
        self.size = size
    }

    deinit { close(descriptor) }

    /// Nil: there is no regular file of this name. A link is none: it could lead out of the directory.
    static func open(_ name: String, in directory: String) async -> KeptFile? {
        await onDisk {
            let folder = Glibc.open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard folder >= 0 else { return nil }
            defer { close(folder) }
            // A pipe would keep the opener waiting.
            let file = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
            guard file >= 0 else { return nil }
            var status = stat()
            guard fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
                close(file)
                return nil
            }
            return KeptFile(file, Int(status.st_size))
        }
    }

    /// What comes next, never nothing. Throws where the file is shorter than it was, or cannot be read.
    func next(atMost most: Int) async throws -> [UInt8] {
        let piece = await KeptFile.onDisk { [descriptor] in
            [UInt8](unsafeUninitializedCapacity: min(most, KeptFile.pieceBytes)) { buffer, count in
                var got = 0
                repeat { got = read(descriptor, buffer.baseAddress, buffer.count) } while got < 0 && errno == EINTR
                count = max(0, got)
            }
        }
        guard !piece.isEmpty else { throw Broken() }
        return piece
    }

    private static func onDisk<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(returning: work()) }
        }
    }
}
