/// SIGTERM and SIGINT as the real program takes them: the first asks for an orderly end, the second ends at once.
import Dispatch
import Glibc

enum StopSignals {
    static func handle(onFirst: @escaping @Sendable () -> Void) {
        let queue = DispatchQueue(label: "signals")
        let received = Received()
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            source.setEventHandler {
                withExtendedLifetime(source) {}
                received.count += 1
                if received.count > 1 { _exit(128 + number) }
                onFirst()
            }
            source.activate()
        }
    }

    /// Standard input is a pipe that only the parent holds: its end is the parent's.
    static func watchParent(onEnd: @escaping @Sendable () -> Void) {
        let source = DispatchSource.makeReadSource(fileDescriptor: 0, queue: DispatchQueue(label: "parent"))
        source.setEventHandler {
            var byte: UInt8 = 0
            guard read(0, &byte, 1) == 0 else { return }
            source.cancel()
            onEnd()
        }
        source.activate()
    }

    /// Touched on its queue only.
    private final class Received {
        var count = 0
    }
}
