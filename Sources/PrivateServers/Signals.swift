/// SIGTERM and SIGINT: the first asks for an orderly end, the second ends the process at once.
import Dispatch
import Glibc

package enum Signals {
    /// From now on. `onFirst` is called once, on a thread of its own; a process does this once.
    package static func handle(onFirst: @escaping @Sendable (Int32) -> Void) {
        let queue = DispatchQueue(label: "signals")
        let received = Received()
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: queue)
            // The handler holds its source: it lives as long as the process.
            source.setEventHandler {
                withExtendedLifetime(source) {}
                received.count += 1
                if received.count > 1 { _exit(128 + number) }
                onFirst(number)
            }
            source.activate()
        }
    }

    /// Touched by the handlers only, which run one after the other on their queue.
    private final class Received {
        var count = 0
    }
}

/// Standard input as a sign of life: a pipe that only the parent holds reads its end when the parent has gone.
package enum ParentWatch {
    package static func start(onEnd: @escaping @Sendable () -> Void) {
        let source = DispatchSource.makeReadSource(fileDescriptor: 0, queue: DispatchQueue(label: "parent"))
        source.setEventHandler {
            var byte: UInt8 = 0
            guard read(0, &byte, 1) == 0 else { return }
            source.cancel()
            onEnd()
        }
        source.activate()
    }
}
