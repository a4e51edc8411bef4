/// Where Debian puts the server programs, and who PostgreSQL runs as.
import FoundationEssentials
import Glibc

package enum ServerPrograms {
    /// The first executable of that name in PATH and in the usual places.
    package static func find(_ name: String, package: String) throws(PrivateServerError) -> String {
        let path = getenv("PATH").map { String(cString: $0) } ?? ""
        let places = path.split(separator: ":").map(String.init) + ["/usr/local/bin", "/usr/bin", "/usr/sbin", "/bin", "/sbin"]
        for place in places where access("\(place)/\(name)", X_OK) == 0 { return "\(place)/\(name)" }
        throw .programMissing(name, package: package)
    }

    /// Whether private servers can live below this directory: sockets there have short enough paths, and the user that PostgreSQL runs as
    /// may pass through every directory above it (started by root, that is another user).
    package static func canServe(from directory: String) -> Bool {
        guard directory.utf8.count < 108 - "/postgres/run/.s.PGSQL.5432".utf8.count else { return false }
        guard geteuid() == 0 else { return true }
        var path = directory
        while !path.isEmpty, path != "/" {
            var status = stat()
            guard stat(path, &status) == 0, status.st_mode & 0o001 != 0 else { return false }
            path = String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
        }
        return true
    }

    /// The directory of PostgreSQL's programs: the asked version, or the newest. Debian keeps them out of PATH.
    static func postgres(version: String?) throws(PrivateServerError) -> String {
        let root = "/usr/lib/postgresql"
        let versions = ((try? FileManager.default.contentsOfDirectory(atPath: root)) ?? [])
            .filter { access("\(root)/\($0)/bin/initdb", X_OK) == 0 }
            .sorted { (Int($0) ?? 0) < (Int($1) ?? 0) }
        if let version {
            if versions.contains(version) { return "\(root)/\(version)/bin" }
        } else if let newest = versions.last {
            return "\(root)/\(newest)/bin"
        }
        if let initdb = try? find("initdb", package: "postgresql"), version == nil { return String(initdb.dropLast("/initdb".count)) }
        throw .programMissing("PostgreSQL\(version.map { " \($0)" } ?? "")", package: version.map { "postgresql-\($0)" } ?? "postgresql")
    }
}

/// PostgreSQL refuses to run as root; started by root it runs as the system user `postgres`.
struct SystemUser: Sendable {
    let name: String
    let userID: UInt32
    let groupID: UInt32
    private let changesUser: Bool

    static func forPostgres() throws(PrivateServerError) -> SystemUser {
        let isRoot = geteuid() == 0
        guard let entry = isRoot ? getpwnam("postgres") : getpwuid(geteuid()) else {
            if isRoot { throw .programMissing("the system user postgres", package: "postgresql") }
            return SystemUser(name: String(geteuid()), userID: geteuid(), groupID: getegid(), changesUser: false)
        }
        let name = String(cString: entry.pointee.pw_name)
        return SystemUser(name: name, userID: entry.pointee.pw_uid, groupID: entry.pointee.pw_gid, changesUser: isRoot)
    }

    /// The name of the user of this process, whom PostgreSQL's peer authentication sees.
    static func own() -> String { getpwuid(geteuid()).map { String(cString: $0.pointee.pw_name) } ?? String(geteuid()) }

    /// `setpriv` changes the user before the program starts; it becomes the program, so the process keeps its number.
    func order(_ program: String, _ arguments: [String]) throws(PrivateServerError) -> ChildOrder {
        guard changesUser else { return ChildOrder(program, arguments) }
        let setpriv = try ServerPrograms.find("setpriv", package: "util-linux")
        return ChildOrder(setpriv, ["--reuid=\(userID)", "--regid=\(groupID)", "--clear-groups", "--", program] + arguments)
    }

    /// A directory that only this user (and root) can enter.
    func makeDirectory(_ path: String) throws(PrivateServerError) {
        do {
            try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        } catch { throw .directory(path, "\(error)") }
        if changesUser, chown(path, userID, groupID) != 0 { throw .directory(path, String(cString: strerror(errno))) }
        if chmod(path, 0o700) != 0 { throw .directory(path, String(cString: strerror(errno))) }
    }
}
