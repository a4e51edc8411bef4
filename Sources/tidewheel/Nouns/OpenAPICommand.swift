/// `tidewheel openapi`: the description of the API for other programs, as this version serves it, or as a running one gives it.
import ArgumentParser
import JobAPI
import JobModel
import TidewheelClient

struct OpenAPICommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI document of the API.",
        discussion:
            "That of this program, which needs nothing to run. --live asks the API: its workers may know kinds that this program does not.")

    @OptionGroup var flags: ClientFlags

    @Flag(help: "Ask the running API.")
    var live = false

    func run() async throws {
        let document =
            if live { try await flags.client().ask("GET", "/openapi.json") } else {
                OpenAPI.document(version: Tidewheel.version, catalogue: JobCatalogue(Assembly.kinds(try Settings())))
            }
        Output.line(flags.output == .jsonl ? document.serialized : document.indented())
    }
}
