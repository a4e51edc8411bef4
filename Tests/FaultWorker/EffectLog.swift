/// The outside world of the fault suite: what a job did is a line in an append-only file, which no store of ours can take back.
/// One write a line with O_APPEND: lines of many processes do not mix, and a line that was written survives any kill.
import Glibc
import JobModel

struct EffectLog: Sendable {
    private let file: Int32

    struct CannotOpen: Error { let path: String }

    init(path: String) throws {
        file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw CannotOpen(path: path) }
    }

    /// `milliseconds pid job attempt phase`; the clock is the machine's monotonic one, the same for every process.
    func note(_ phase: String, _ context: JobContext) {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1_000_000
        let line = Array("\(milliseconds) \(getpid()) \(context.jobID) \(context.attempt) \(phase)\n".utf8)
        _ = write(file, line, line.count)
    }
}
