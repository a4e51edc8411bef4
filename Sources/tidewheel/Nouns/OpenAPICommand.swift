/// `tidewheel openapi`: the document of `/openapi.json`, without a server.
import ArgumentParser
import JobAPI
import JobKinds
import JobModel

struct OpenAPICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi", abstract: "Print the OpenAPI document of the API.",
        discussion: "The same that GET /openapi.json answers, for generators of clients and for documentation.")

    @Flag(help: "On one line.")
    var compact = false

    func run() throws {
        let document = OpenAPI.document(version: Tidewheel.version, catalogue: JobCatalogue(EveryKind.kinds))
        Output.line(compact ? document.serialized : document.indented())
    }
}
