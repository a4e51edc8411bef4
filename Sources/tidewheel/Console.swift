/// What the short commands share: who types, and what is said beside the answer.
import Glibc
import JobModel

enum Console {
    /// The audit entry of a change that is made here: it is done when it is written.
    static func entry(_ action: String, _ target: String) -> AuditEntry {
        var entry = AuditEntry(actor: .console, action: action)
        entry.name = userName
        entry.target = target
        entry.outcome = .done
        return entry
    }

    /// On standard error: standard output has the answer alone. Details of problems and errors of jobs are among it, which strangers wrote.
    static func say(_ line: String) {
        let bytes = Array((line.shownOnLines + "\n").utf8)
        _ = write(2, bytes, bytes.count)
    }

    /// As the system knows the user; a number where it has no name.
    private static var userName: String {
        guard let user = getpwuid(geteuid()), let name = user.pointee.pw_name else { return String(geteuid()) }
        return String(cString: name)
    }
}
