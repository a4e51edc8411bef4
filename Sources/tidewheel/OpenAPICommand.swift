/// `tidewheel openapi`: the document of `/openapi.json`, without a server.
import ArgumentParser
import JobAPI
import JobKinds
import JobModel

struct OpenAPICommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openapi",
        abstract: "Prints the API as an OpenAPI 3.1 document.",
        discussion: "The same that GET /openapi.json answers, for generators of clients and for documentation.")

    func run() throws {
        print(OpenAPI.document(version: Tidewheel.version, catalogue: JobCatalogue(EveryKind.kinds)).serialized)
    }
}
