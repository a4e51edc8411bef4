import FoundationEssentials
import Glibc
import JobModel
import PrivateServers
import TestServers
import Testing
import WebFetch

/// A `tidewheel dev` of this test alone, as a user would start it: the built program, in a directory of its own.
struct RunningDev {
    let directory: String
    let process: ChildProcess
    let url: String
    private let fetcher = Fetcher(guard: nil, userAgent: "tests")

    /// Returns when it says that it is ready.
    init(_ arguments: [String] = [], in directory: String? = nil) async throws {
        let directory = try directory ?? TemporaryDirectory.make()
        self.directory = directory
        let (lines, continuation) = AsyncStream<String>.makeStream()
        var order = ChildOrder(try Self.program(), ["dev", "--port", "0", "--directory", directory + "/d"] + arguments)
        order.stopSignal = SIGINT
        process = try ChildProcess(order, onLine: { continuation.yield($0) }, onEnd: { continuation.finish() })
        var said: [String] = []
        var address: String?
        for await line in lines {
            said.append(line)
            if line.hasPrefix("tidewheel dev is ready: ") {
                address = line.split(separator: " ").last.map(String.init)
                break
            }
        }
        url = try #require(address, "dev did not start:\n\(said.joined(separator: "\n"))")
    }

    /// The program that was built together with these tests.
    static func program() throws -> String {
        let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
        let candidates = CommandLine.arguments + [own]
        let bundle = try #require(candidates.first { $0.contains(".xctest") }, "the test bundle's place is not known")
        let directory = bundle.split(separator: "/", omittingEmptySubsequences: false).prefix { !$0.hasSuffix(".xctest") }
        return directory.joined(separator: "/") + "/tidewheel"
    }

    func post(_ path: String, _ body: JSONValue) async throws -> JSONValue {
        var request = FetchRequest(url: url + path)
        request.method = "POST"
        request.headers = [("Content-Type", "application/json")]
        request.body = body.bytes
        return try await JSONReader.read(fetcher.fetch(request).body.collect())
    }

    func get(_ path: String) async throws -> JSONValue {
        try await JSONReader.read(fetcher.fetch(FetchRequest(url: url + path)).body.collect())
    }

    /// The names and data of a job's events, to their end.
    func events(_ path: String) async throws -> [(name: String, data: JSONValue)] {
        let text = try await String(decoding: fetcher.fetch(FetchRequest(url: url + path)).body.collect(), as: UTF8.self)
        return try text.split(separator: "\n\n").compactMap { block in
            let lines = block.split(separator: "\n")
            guard let data = lines.first(where: { $0.hasPrefix("data: ") }) else { return nil }
            let name = lines.first { $0.hasPrefix("event: ") }?.dropFirst("event: ".count) ?? "message"
            return try (String(name), JSONReader.read(String(data.dropFirst("data: ".count))))
        }
    }

    /// The rows that psql prints for it.
    func rows(_ sql: String) async throws -> [String] {
        let psql = try ServerPrograms.find("psql", package: "postgresql-client")
        let (lines, continuation) = AsyncStream<String>.makeStream()
        let address = "host=\(directory)/d/postgres/run user=\(PrivatePostgres.role) dbname=tidewheel"
        let child = try ChildProcess(
            ChildOrder(psql, ["-X", "-A", "-t", "-d", address, "-c", sql]), onLine: { continuation.yield($0) },
            onEnd: { continuation.finish() })
        var rows: [String] = []
        for await line in lines { rows.append(line) }
        #expect(await child.exit() == .exited(0))
        return rows
    }

    /// Numbers of the processes that dev's children are: everything whose command line or environment names its directory.
    func family() -> [Int32] {
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return processes.compactMap { Int32($0) }.filter { number in
            guard number != getpid() else { return false }
            return ["cmdline", "environ"].contains { file in
                guard let bytes = FileManager.default.contents(atPath: "/proc/\(number)/\(file)") else { return false }
                return String(decoding: bytes, as: UTF8.self).contains(directory)
            }
        }
    }
}
