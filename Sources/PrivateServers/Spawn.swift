/// posix_spawn with the guard of `ChildProcess`: a small shell starts a guard in the background and becomes the program by `exec`,
/// so the program has the number, the exit status and the signals of the process that was started.
import Glibc

package enum Spawn {
    struct Result {
        let processID: Int32
        /// The write end that nobody but this process holds: the kernel closes it when this process dies, however it dies.
        let lifeline: Int32
        let output: Int32?
    }

    /// $1 stop signal, $2 grace in seconds, then the program. The guard is a member of the program's group, so the group's number cannot be
    /// given to others while the guard lives; it ignores the stop signals that go to the group and ends with the final SIGKILL.
    private static let guardScript = """
        ( trap '' INT TERM HUP QUIT
          PATH=/usr/bin:/bin
          read -r nothing <&3
          kill -CONT -$$; kill -$1 $$; kill -TERM -$$
          waited=0
          while kill -0 $$ && [ $waited -lt $(($2 * 10)) ]; do sleep 0.1; waited=$((waited + 1)); done
          kill -KILL -$$
        ) </dev/null >/dev/null 2>&1 &
        shift 2
        exec 3<&-
        exec "$@"
        """

    static func start(_ order: ChildOrder, capturesOutput: Bool) throws(PrivateServerError) -> Result {
        guard access(order.program, X_OK) == 0 else { throw .cannotStart(order.program, String(cString: strerror(errno))) }
        let lifeline = try pipe(for: order)
        let output = capturesOutput ? try pipe(for: order) : nil
        defer {
            close(lifeline.reading)
            if let output { close(output.writing) }
        }
        keepDescriptors()
        var processID: Int32 = 0
        let failure = withActions(order, lifeline: lifeline.reading, output: output?.writing) { actions, attributes in
            let arguments = order.endsWithParent ? guardedCommand(order) : [order.program] + order.arguments
            return withCStrings(arguments) { argv in
                guard let environment = order.environment else {
                    return posix_spawn(&processID, arguments[0], actions, attributes, argv, environ)
                }
                return withCStrings(environment.map { "\($0)=\($1)" }) {
                    posix_spawn(&processID, arguments[0], actions, attributes, argv, $0)
                }
            }
        }
        guard failure == 0 else {
            close(lifeline.writing)
            if let output { close(output.reading) }
            throw .cannotStart(order.program, String(cString: strerror(failure)))
        }
        return Result(processID: processID, lifeline: lifeline.writing, output: output?.reading)
    }

    /// To be started as the leader of a group, with descriptor 3 open for reading until the parent dies.
    package static func guardedCommand(_ order: ChildOrder) -> [String] {
        let signal = order.stopSignal == SIGINT ? "INT" : "TERM"
        return ["/bin/sh", "-c", guardScript, "sh", signal, String(order.graceSeconds), order.program] + order.arguments
    }

    /// Marks every open descriptor close-on-exec. NIO's sockets are not: a child that inherited one would keep its connection open
    /// after this process closed it.
    private static func keepDescriptors() {
        guard let folder = opendir("/proc/self/fd") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) { UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self) }
            let descriptor = atoi(name)
            if descriptor > 2 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        }
    }

    /// A socket pair, because it can be made with close-on-exec in one step:
    /// no other child of this process can hold an end of it.
    private static func pipe(for order: ChildOrder) throws(PrivateServerError) -> (reading: Int32, writing: Int32) {
        var ends: [Int32] = [-1, -1]
        let kind = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, kind, 0, &ends) == 0 else { throw .cannotStart(order.program, String(cString: strerror(errno))) }
        return (ends[0], ends[1])
    }

    private static func withActions(
        _ order: ChildOrder, lifeline: Int32, output: Int32?,
        _ body: (UnsafePointer<posix_spawn_file_actions_t>, UnsafePointer<posix_spawnattr_t>) -> Int32
    ) -> Int32 {
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let output {
            posix_spawn_file_actions_adddup2(&actions, output, 1)
            posix_spawn_file_actions_adddup2(&actions, output, 2)
        }
        if order.endsWithParent {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
            posix_spawn_file_actions_adddup2(&actions, lifeline, 3)
        } else {
            posix_spawn_file_actions_adddup2(&actions, lifeline, 0)
        }
        var defaults = sigset_t()
        var none = sigset_t()
        sigemptyset(&defaults)
        sigemptyset(&none)
        // Ignored signals are inherited over exec; a server process ignores some of these.
        for signal in [SIGPIPE, SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGCHLD, SIGUSR1, SIGUSR2] { sigaddset(&defaults, signal) }
        posix_spawnattr_setsigdefault(&attributes, &defaults)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK))
        return withUnsafePointer(to: &actions) { actions in withUnsafePointer(to: &attributes) { body(actions, $0) } }
    }

    private static func withCStrings<R>(_ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> R) -> R {
        let pointers: [UnsafeMutablePointer<CChar>?] = strings.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        return body(pointers)
    }
}
