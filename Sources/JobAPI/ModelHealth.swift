internal import JobModel

/// The model servers in the health document. Workers may see the same server differently: the network between may be at fault.
enum ModelHealth {
    /// One object a server: that of a worker with a complaint goes before that of one without.
    static func of(_ reports: [JSONValue]) -> JSONValue {
        ["status": .string(status(reports)), "servers": .array(servers(reports))]
    }

    /// Unhealthy: none answers. Unknown: no worker has told yet.
    static func status(_ reports: [JSONValue]) -> String {
        let sick = servers(reports).count { $0["status"] != "healthy" }
        guard sick > 0 else { return reports.isEmpty ? "unknown" : "healthy" }
        return reports.contains { $0["status"] == "healthy" } ? "degraded" : "unhealthy"
    }

    private static func servers(_ reports: [JSONValue]) -> [JSONValue] {
        var byName: [String: JSONValue] = [:]
        for server in reports {
            let name = server["name"]?.string ?? ""
            if byName[name] == nil || server["status"] != "healthy" { byName[name] = server }
        }
        return byName.sorted { $0.key < $1.key }.map(\.value)
    }
}
