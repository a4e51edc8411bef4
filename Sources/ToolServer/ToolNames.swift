/// Names of tools and arguments as callers spell them: get-job-progress, getJobStatus and GetJobStatus are get_job_progress and get_job_status.
enum ToolNames {
    /// In Unicode scalars. No name of ours is longer: what a caller wrote beyond is neither compared nor repeated.
    static let longest = 100

    static func cut(_ name: String) -> String { String(name.unicodeScalars.prefix(longest)) }

    /// snake_case of any of these spellings; a run of capitals is one word.
    static func snake(_ name: String) -> String {
        let scalars = Array(name.unicodeScalars)
        var snake = ""
        for (index, scalar) in scalars.enumerated() {
            if scalar == "-" || scalar == " " || scalar == "." || scalar == "/" {
                snake += "_"
                continue
            }
            let isCapital = isUpper(scalar)
            let follows = index > 0 && scalars[index - 1] != "_" && scalars[index - 1] != "-"
            let beginsWord = index > 0 && (!isUpper(scalars[index - 1]) || (index + 1 < scalars.count && isLower(scalars[index + 1])))
            if isCapital, follows, beginsWord, snake.last != "_" { snake += "_" }
            snake += isCapital ? scalar.properties.lowercaseMapping : String(Character(scalar))
        }
        return snake
    }

    private static func isUpper(_ scalar: Unicode.Scalar) -> Bool { ("A"..."Z").contains(scalar) }
    private static func isLower(_ scalar: Unicode.Scalar) -> Bool { ("a"..."z").contains(scalar) }

    /// Names that somebody who wrote `name` may have meant, nearest first, at most three.
    static func nearest(to name: String, among names: [String]) -> [String] {
        let meant = snake(cut(name))
        let wanted = Array(meant.utf8)
        let rated = names.map { candidate in
            let bytes = Array(candidate.utf8)
            let isPart = wanted.count > 3 && (candidate.contains(meant) || meant.contains(candidate))
            return (candidate, isPart ? 1 : distance(wanted, bytes), max(2, bytes.count / 3))
        }
        return rated.filter { $0.1 <= $0.2 }.sorted { ($0.1, $0.0) < ($1.1, $1.0) }.prefix(3).map(\.0)
    }

    /// Levenshtein's: insertions, removals and replacements.
    private static func distance(_ one: [UInt8], _ other: [UInt8]) -> Int {
        var row = Array(0...other.count)
        for (i, a) in one.enumerated() {
            var corner = row[0]
            row[0] = i + 1
            for (j, b) in other.enumerated() {
                let above = row[j + 1]
                row[j + 1] = min(above + 1, row[j] + 1, corner + (a == b ? 0 : 1))
                corner = above
            }
        }
        return row[other.count]
    }
}
