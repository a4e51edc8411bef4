import Glibc
import PrivateServers
import TestServers
import Testing

@Suite(.timeLimit(.minutes(1)))
struct ChildProcessTests {
    @Test func theExitCodeIsTold() async throws {
        let child = try ChildProcess(ChildOrder("/bin/sh", ["-c", "exit 7"]))
        #expect(await child.exit() == .exited(7))
    }

    @Test func everyLineIsHandedOver() async throws {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(
            ChildOrder("/bin/sh", ["-c", "echo one; echo two >&2; printf three"]), onLine: { continuation.yield($0) },
            onEnd: { continuation.finish() })
        var seen: [String] = []
        for await line in lines { seen.append(line) }
        #expect(seen == ["one", "two", "three"])
        #expect(await child.exit() == .exited(0))
    }

    @Test func noDescriptorIsInherited() async throws {
        // NIO's sockets are not close-on-exec; neither is this one.
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var order = ChildOrder("/bin/sh", ["-c", "test ! -e /proc/self/fd/\(descriptor)"])
        #expect(try await ChildProcess(order).exit() == .exited(0))
        order.endsWithParent = false
        #expect(try await ChildProcess(order).exit() == .exited(0))
    }

    @Test func aProgramThatIsMissingIsAnErrorWithItsName() {
        #expect { try ChildProcess(ChildOrder("/nowhere/program")) } throws: { "\($0)".contains("/nowhere/program") }
    }

    @Test func stopAsksFirst() async throws {
        let child = try await ready("trap 'exit 3' TERM; echo ready; while :; do sleep 0.01; done")
        #expect(await child.stop() == .exited(3))
    }

    @Test func stopKillsAChildThatDoesNotListen() async throws {
        let child = try await ready("trap '' TERM; echo ready; while :; do sleep 0.01; done")
        #expect(await child.stop(grace: .milliseconds(50)) == .signalled(SIGKILL))
    }

    @Test func aFrozenChildCanBeStopped() async throws {
        let child = try await ready("trap 'exit 4' TERM; echo ready; while :; do sleep 0.01; done")
        child.freeze()
        try await eventually { try processState(child.processID) == "T" }
        #expect(await child.stop() == .exited(4))
    }

    @Test func theEndSweepsGrandchildren() async throws {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(
            ChildOrder("/bin/sh", ["-c", "sleep 100 >/dev/null 2>&1 & echo $!; exit 0"]), onLine: { continuation.yield($0) })
        var iterator = lines.makeAsyncIterator()
        let grandchild = try #require(await iterator.next().flatMap { Int32($0) })
        #expect(await child.exit() == .exited(0))
        try await eventually { hasGone(grandchild) }
    }

    @Test func aCancelledWaitEndsAtOnce() async throws {
        let child = try await ready("echo ready; exec sleep 100")
        let wait = Task { await child.exit() }
        wait.cancel()
        #expect(await wait.value == nil)
        await child.stop()
    }

    @Test(arguments: ["trap '' TERM; while :; do sleep 0.1; done", "exec sleep 100"])
    func killingTheParentEndsTheChild(script: String) async throws {
        // A shell in the middle holds the child as we would, and is killed without a chance to clean up.
        let directory = try TemporaryDirectory.make()
        defer { TemporaryDirectory.remove(directory) }
        var order = ChildOrder("/bin/sh", ["-c", script])
        order.graceSeconds = 1
        let holder = "mkfifo \"$0\"; setsid \"$@\" 3<\"$0\" >/dev/null & child=$!; exec 9>\"$0\"; echo $child; wait"
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let middle = try ChildProcess(
            ChildOrder("/bin/sh", ["-c", holder, "\(directory)/lifeline"] + Spawn.guardedCommand(order)), onLine: { continuation.yield($0) }
        )
        var iterator = lines.makeAsyncIterator()
        let child = try #require(await iterator.next().flatMap { Int32($0) })
        #expect(!hasGone(child))
        middle.signal(SIGKILL)
        #expect(await middle.exit() == .signalled(SIGKILL))
        try await eventually(within: .seconds(10)) { hasGone(child) }
    }

    @Test func aChildThatOutlivesItsParentReadsTheEndOfItsInput() async throws {
        var order = ChildOrder("/bin/sh", ["-c", "read -r nothing || exit 9"])
        order.endsWithParent = false
        let child = try ChildProcess(order)
        #expect(child.exitIfEnded == nil)
        child.closeInput()
        #expect(await child.exit() == .exited(9))
    }

    private func ready(_ script: String) async throws -> ChildProcess {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(
            ChildOrder("/bin/sh", ["-c", script]), onLine: { continuation.yield($0) }, onEnd: { continuation.finish() })
        for await line in lines where line == "ready" { break }
        return child
    }
}

/// The state letter of /proc: R running, S sleeping, T stopped, Z ended but not yet collected.
func processState(_ process: Int32) throws -> String? {
    guard let file = fopen("/proc/\(process)/stat", "r") else { return nil }
    defer { fclose(file) }
    var buffer = [CChar](repeating: 0, count: 512)
    guard fgets(&buffer, Int32(buffer.count), file) != nil else { return nil }
    let text = String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return text.split(separator: ")").last?.split(separator: " ").first.map(String.init)
}

func hasGone(_ process: Int32) -> Bool {
    let state = try? processState(process)
    return state == nil || state == "Z"
}
