/// The files of one PostgreSQL cluster: how it is made, who may enter, how its server is started. `PrivatePostgres` runs it.
import FoundationEssentials
import Glibc

struct PostgresCluster: Sendable {
    let directory: String
    let programs: String
    let user: SystemUser

    private var data: String { "\(directory)/data" }

    /// Makes the cluster beside its place and moves it there, so a crash in the middle leaves nothing that looks whole.
    func create() async throws(PrivateServerError) {
        let unfinished = "\(directory)/data.unfinished"
        try? FileManager.default.removeItem(atPath: unfinished)
        let order = try user.order(
            "\(programs)/initdb",
            [
                "-D", unfinished, "-U", PrivatePostgres.role, "--auth-local=peer", "--auth-host=reject", "--locale=C.UTF-8", "-E", "UTF8",
                "--no-sync",
            ])
        do {
            _ = try await Tool.output(of: order)
        } catch {
            if case .ended(_, _, let log) = error, log.contains(where: { $0.contains("ermission denied") }) {
                throw .unreachable(directory, user: user.name)
            }
            throw error
        }
        guard rename(unfinished, data) == 0 else { throw .directory(data, String(cString: strerror(errno))) }
    }

    /// Lets in the user of this process and the server's own, whom the kernel vouches for, as the one role there is.
    func writeAccessRules() throws(PrivateServerError) {
        let names = Set([user.name, SystemUser.own(), "root"]).sorted()
        try write("pg_hba.conf", "local all all peer map=private\n")
        try write("pg_ident.conf", names.map { "private \"\($0)\" \(PrivatePostgres.role)\n" }.joined())
    }

    func serverOrder(durable: Bool) throws(PrivateServerError) -> ChildOrder {
        var settings = ["listen_addresses=", "unix_socket_directories=\(directory)/run", "max_connections=300", "logging_collector=off"]
        if !durable { settings += ["fsync=off", "full_page_writes=off"] }
        var order = try user.order("\(programs)/postgres", ["-D", data] + settings.flatMap { ["-c", $0] })
        order.stopSignal = SIGINT
        return order
    }

    /// Rewrites a file of the cluster in place: its owner and mode stay.
    private func write(_ name: String, _ text: String) throws(PrivateServerError) {
        let file = open("\(data)/\(name)", O_WRONLY | O_TRUNC | O_CLOEXEC)
        guard file >= 0 else { throw .directory("\(data)/\(name)", String(cString: strerror(errno))) }
        defer { close(file) }
        let bytes = Array(text.utf8)
        guard Glibc.write(file, bytes, bytes.count) == bytes.count else { throw .directory("\(data)/\(name)", "short write") }
    }
}
