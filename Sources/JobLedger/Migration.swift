internal import JobModel

/// One numbered SQL file. Files are only ever added: an applied one must not change.
package struct Migration: Sendable {
    package let version: Int
    package let name: String
    package let sql: String
    /// The file holds statements that PostgreSQL refuses inside a transaction: indexes that are made and dropped CONCURRENTLY, so that nobody
    /// who writes waits for them. Each ends with its line, and each may be run again.
    package let isConcurrent: Bool
    var checksum: String { Digest.sha256(sql) }

    package init(version: Int, name: String, sql: String, isConcurrent: Bool = false) {
        self.version = version
        self.name = name
        self.sql = sql
        self.isConcurrent = isConcurrent
    }

    private init(_ version: Int, _ name: String, _ bytes: [UInt8], isConcurrent: Bool = false) {
        self.init(version: version, name: name, sql: Statements.text(bytes), isConcurrent: isConcurrent)
    }

    package static let all = [
        Migration(1, "0001_jobs", PackageResources.migration_0001_jobs_sql),
        Migration(2, "0002_documents", PackageResources.migration_0002_documents_sql),
        Migration(3, "0003_options", PackageResources.migration_0003_options_sql),
        Migration(4, "0004_limits", PackageResources.migration_0004_limits_sql),
        Migration(5, "0005_leadership", PackageResources.migration_0005_leadership_sql),
        Migration(6, "0006_steps", PackageResources.migration_0006_steps_sql),
        Migration(7, "0007_flows", PackageResources.migration_0007_flows_sql),
        Migration(8, "0008_lists", PackageResources.migration_0008_lists_sql),
        Migration(9, "0009_schedules", PackageResources.migration_0009_schedules_sql),
        Migration(10, "0010_unique", PackageResources.migration_0010_unique_sql),
        Migration(11, "0011_enqueue", PackageResources.migration_0011_enqueue_sql),
        Migration(12, "0012_presentations", PackageResources.migration_0012_presentations_sql),
        Migration(13, "0013_list_indexes", PackageResources.migration_0013_list_indexes_sql, isConcurrent: true),
        Migration(14, "0014_conversations", PackageResources.migration_0014_conversations_sql),
        Migration(15, "0015_api_keys", PackageResources.migration_0015_api_keys_sql),
        Migration(16, "0016_presenton", PackageResources.migration_0016_presenton_sql),
        Migration(17, "0017_webhooks", PackageResources.migration_0017_webhooks_sql),
        Migration(18, "0018_views", PackageResources.migration_0018_views_sql),
        Migration(19, "0019_search", PackageResources.migration_0019_search_sql),
        Migration(20, "0020_presentation_bounds", PackageResources.migration_0020_presentation_bounds_sql),
        Migration(21, "0021_uses", PackageResources.migration_0021_uses_sql),
        Migration(22, "0022_model_memory", PackageResources.migration_0022_model_memory_sql),
        Migration(23, "0023_registered_kinds", PackageResources.migration_0023_registered_kinds_sql),
    ]

    /// The statements of a concurrent file. Other files are sent whole.
    var statements: [String] {
        let lines = sql.split(separator: "\n").filter { !$0.hasPrefix("--") }
        return lines.joined(separator: "\n").split(separator: ";").map(String.init).filter { $0.contains { !$0.isWhitespace } }
    }

    /// Indexes that a concurrent file makes.
    var madeIndexes: [String] {
        statements.compactMap { $0.firstMatch(of: /INDEX CONCURRENTLY IF NOT EXISTS (\w+)/).map { String($0.1) } }
    }
}
