/// What every command that asks the API shares: where it is, with which key, and how answers are shown.
import ArgumentParser
import FoundationEssentials
import JobModel
import Synchronization
import TidewheelClient

enum OutputForm: String, CaseIterable, ExpressibleByArgument { case table, json, jsonl }

struct ClientFlags: ParsableArguments {
    @Option(help: ArgumentHelp("The address of the API (TIDEWHEEL_URL); http://127.0.0.1:8080 without a word.", valueName: "url"))
    var url: String?

    @Option(help: ArgumentHelp("A file that holds the key (TIDEWHEEL_API_KEY_FILE), in place of TIDEWHEEL_API_KEY.", valueName: "path"))
    var keyFile: String?

    @Option(name: [.short, .long], help: "table, for people; json, one document; jsonl, one a line.")
    var output = OutputForm.table

    @Option(help: "Colours: auto, always or never. NO_COLOR and TERM=dumb are heeded.")
    var color = ColourChoice.auto

    static let standardURL = "http://127.0.0.1:8080"
    /// For messages.
    static var lastURL: String { used.withLock { $0 } }
    private static let used = Mutex(standardURL)

    /// Where the flags and the environment say, not yet connected.
    func client(patience: Duration = .seconds(10)) throws -> TidewheelClient {
        var options = TidewheelClient.Options()
        options.retryTime = patience
        options.reconnectTime = nil
        options.maxAnswerBytes = 512 << 20
        return try Self.client(url: url, keyFile: keyFile, options)
    }

    /// At `url`, or where TIDEWHEEL_URL says.
    static func client(url: String?, keyFile: String? = nil, _ options: TidewheelClient.Options) throws -> TidewheelClient {
        let environment = ProcessInfo.processInfo.environment
        let address = [url, environment["TIDEWHEEL_URL"], standardURL].compactMap { $0 }.first { !$0.isEmpty } ?? standardURL
        used.withLock { $0 = address }
        return try TidewheelClient(
            url: address, apiKey: try key(environment, keyFile), userAgent: "tidewheel/\(Tidewheel.version)", options: options.impatient)
    }

    /// Never a flag's value: those are seen by every user of the machine.
    private static func key(_ environment: [String: String], _ keyFile: String?) throws(Refusal) -> String? {
        let file = [keyFile, environment["TIDEWHEEL_API_KEY_FILE"]].compactMap { $0 }.first { !$0.isEmpty }
        if let file { return try KeyFile.read(file, of: keyFile == nil ? "TIDEWHEEL_API_KEY_FILE" : "--key-file") }
        guard let key = environment["TIDEWHEEL_API_KEY"], !key.isEmpty else { return nil }
        return try KeyFile.checked(key, of: "TIDEWHEEL_API_KEY")
    }

    var terminal: Terminal { Terminal.of(1, color) }

    /// One document: all of it as JSON, or the lines that people want to see of it.
    func show(_ document: JSONValue, _ lines: [(String, String)]) {
        switch output {
        case .json: Output.line(document.indented())
        case .jsonl: Output.line(document.serialized)
        case .table:
            let width = lines.map(\.0.columns).max() ?? 0
            for (name, text) in lines where !text.isEmpty {
                let shown = name == "status" ? terminal.paint(text, Style.of(status: text)) : text.shownOnOneLine
                Output.line("\(terminal.paint(name.padded(to: width), .faint))  \(shown)")
            }
        }
    }
}

extension TidewheelClient.Options {
    /// A person sees at once that nothing listens.
    fileprivate var impatient: Self {
        var options = self
        options.awaitsStart = false
        return options
    }
}

extension TidewheelClient {
    /// The document of an answer that is a success.
    func ask(
        _ method: String, _ path: String, query: [(String, String)] = [], body: JSONValue? = nil, headers: [(String, String)] = [],
        isRepeatable: Bool? = nil
    ) async throws(TidewheelError) -> JSONValue {
        let answer = try await send(method, path, query: query, headers: headers, body: body?.bytes, isRepeatable: isRepeatable)
        guard (200..<300).contains(answer.status) else { throw .problem(TidewheelError.Problem(answer)) }
        return answer.body.isEmpty ? .null : try answer.json().value
    }
}

extension String {
    /// As a segment of a path.
    var inPath: String { percentEncoded(self) }
}
