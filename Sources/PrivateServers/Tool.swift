/// Runs a short program to its end and returns what it printed.
import Synchronization

enum Tool {
    static func output(of order: ChildOrder) async throws(PrivateServerError) -> [String] {
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let child = try ChildProcess(order, onLine: { continuation.yield($0) }, onEnd: { continuation.finish() })
        var output: [String] = []
        for await line in lines { output.append(line) }
        guard let exit = await child.exit(), exit.isSuccess else { throw .ended(order.program, child.exitIfEnded, log: output) }
        return output
    }
}
