internal import JobDesk
internal import JobModel

/// A request for a job of one kind: the members of the kind's input and those of `POST /jobs` but `kind` and `input`, side by side.
enum KindBody {
    /// What the kind takes is its input; the rest is read as `POST /jobs` reads it.
    static func request(_ body: [String: JSONValue], _ kind: String, _ catalogue: JobCatalogue) throws(Problem) -> JobRequest {
        let fields = Set(catalogue[kind]?.input.fields.map(\.name) ?? [])
        let foreign = ["kind", "input"].filter { body[$0] != nil }
        guard foreign.isEmpty else {
            throw .invalid(foreign.map { InputShape.Fault(pointer: "#/\($0)", detail: "is not a member of this request") })
        }
        var members = body.filter { !fields.contains($0.key) }
        members["kind"] = .string(kind)
        members["input"] = .object(body.filter { fields.contains($0.key) })
        return try SubmitJob.request(members)
    }

    /// The caller wrote no `input`.
    static func inCallersWords(_ fault: InputShape.Fault) -> InputShape.Fault {
        guard fault.pointer.hasPrefix("#/input/") else { return fault }
        return InputShape.Fault(pointer: "#/" + fault.pointer.dropFirst("#/input/".count), detail: fault.detail)
    }
}
