internal import JobLedger
internal import JobModel
internal import PostgresWire

/// Rows of a list, searched where the filter says for what.
extension JobDesk {
    func found(
        _ filter: JobFilter, by order: JobLedger.ListOrder, _ below: JobPosition?, _ limit: Int, _ dueBy: Timestamp?, _ whole: Bool
    ) async throws(DeskError) -> RowPage {
        do throws(PostgresError) {
            if let search = filter.search {
                return try await ledger.search(search, filter, by: order, below: below, limit: limit, dueBy: dueBy, whole: whole)
            }
            switch order {
            case .created: return try await ledger.list(filter, below: below, limit: limit, dueBy: dueBy, whole: whole)
            case .failed: return try await ledger.listFailed(filter, below: below, limit: limit, whole: whole)
            }
        } catch {
            throw filter.search == nil ? DeskError(error) : DeskError(searching: error)
        }
    }
}

extension DeskError {
    /// What PostgreSQL does not understand, or cannot reckon with, is what it was asked for: words and paths are the only data in the statement
    /// that it reads.
    fileprivate init(searching error: PostgresError) {
        let state = error.sqlState ?? ""
        // "tsquery stack too small", for hundreds of minus signs, comes as an internal error.
        let isTooNested = state == "XX000" && error.message.contains("tsquery")
        if error.kind == .statement, isTooNested || state.hasPrefix("22") || state.hasPrefix("54") || state == "42601" || state == "42704" {
            self = .badSearch(error.message)
        } else if error.kind == .timeout {
            self = .searchTooSlow
        } else {
            self = DeskError(error)
        }
    }
}
