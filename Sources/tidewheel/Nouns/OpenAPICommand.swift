/// `tidewheel openapi`: the description of the API for other programs, as a running one gives it.
import ArgumentParser
import JobModel
import TidewheelClient

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "openapi", abstract: "Print the OpenAPI document of the API.")

    @OptionGroup var flags: ClientFlags

    func run() async throws {
        let document = try await flags.client().ask("GET", "/openapi.json")
        Output.line(flags.output == .jsonl ? document.serialized : document.indented())
    }
}
