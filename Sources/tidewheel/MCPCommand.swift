/// `tidewheel mcp`: the tools over standard input and output, for programs that start their tools themselves.
/// Standard output has messages and nothing else; the log goes to standard error.
import ArgumentParser
import Dispatch
import Glibc
import JobModel
import TidewheelClient
import ToolServer

struct MCPCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mcp", abstract: "Serve the tools to a model over standard input and output.",
        discussion: """
            Asks the API at TIDEWHEEL_URL (http://127.0.0.1:8080 without a word), with the key in TIDEWHEEL_API_KEY or in the file of \
            TIDEWHEEL_API_KEY_FILE where the API asks for keys. docs/mcp.md says how to tell a client of it.
            """)

    @Option(help: ArgumentHelp("The address of the API (TIDEWHEEL_URL).", valueName: "url"))
    var url: String?

    func run() async throws {
        let client: TidewheelClient
        do {
            client = try ClientFlags.client(url: url, options)
        } catch let error as TidewheelError { throw Refusal(error.description) }
        let output = LineOutput()
        let server = LineServer(ToolServer(version: Tidewheel.version), door: ClientDoor(client: client)) { output.write($0) }
        await server.serve(LineInput.lines())
        await client.close()
    }

    /// A model is told at once when there is no API, rather than after half a minute.
    private var options: TidewheelClient.Options {
        var options = TidewheelClient.Options()
        options.retryTime = .seconds(10)
        options.reconnectTime = .seconds(30)
        return options
    }
}

/// Standard input as lines, read by a thread of its own: a blocking read must not hold a thread of the pool.
enum LineInput {
    /// As over HTTP, and a line end.
    private static let maxLineBytes = 1 << 20

    static func lines() -> AsyncStream<[UInt8]> {
        let (stream, continuation) = AsyncStream<[UInt8]>.makeStream()
        let thread = DispatchQueue(label: "standard input")
        thread.async {
            read { continuation.yield($0) }
            continuation.finish()
        }
        return stream
    }

    /// A line that is too long is passed on as far as it may be, which is no JSON: whoever sent it is told.
    private static func read(_ told: ([UInt8]) -> Void) {
        var line: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(0, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            for byte in chunk[..<count] {
                if byte == UInt8(ascii: "\n") {
                    told(line)
                    line.removeAll(keepingCapacity: true)
                } else if line.count < maxLineBytes {
                    line.append(byte)
                }
            }
        }
        if !line.isEmpty { told(line) }
    }
}

/// Standard output, a message a line, in the order in which they come.
final class LineOutput: Sendable {
    private let queue = DispatchQueue(label: "standard output")

    func write(_ message: JSONValue) {
        let bytes = message.bytes + [UInt8(ascii: "\n")]
        queue.sync {
            var written = 0
            while written < bytes.count {
                let count = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress! + written, bytes.count - written) }
                if count < 0, errno == EINTR { continue }
                // Nobody reads any more: the lines will end too.
                guard count > 0 else { return }
                written += count
            }
        }
    }
}
