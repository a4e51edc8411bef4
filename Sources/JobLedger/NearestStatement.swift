/// The statement that finds nearest chunks: nearest.sql with the arithmetic of cosine in it. It depends on nothing but the length of the vectors;
/// the vector itself is bound. All vectors have length 1, so the dot product is the cosine.
enum NearestStatement {
    /// PostgreSQL has no function for a dot product. The sum is written out, term by term, which is several times as fast as `unnest` and `sum`
    /// (docs/search.md): the planner puts the query's numbers into it, and workers share the rows. `array_cat` fetches a vector once; in the bare
    /// column each `[i]` would fetch it again. In double precision, because small products of `real` fail with an underflow.
    static func exact(length: Int) -> String {
        filled(
            length: "cardinality(v.v)", score: sum(1...max(1, length)),
            vector: "CROSS JOIN LATERAL array_cat(c.embedding, '{}'::real[]) AS v (v)")
    }

    /// By the extension vector, whose distance is computed in C.
    static let byExtension = filled(
        length: "cardinality(c.embedding)", score: "1 - (c.embedding::vector <=> $1::real[]::vector)", vector: "")

    /// Vectors of another length have no score.
    private static func filled(length: String, score: String, vector: String) -> String {
        Statements.nearest
            .replacing("/*score*/", with: "CASE WHEN \(length) = $7::integer THEN \(score) END")
            .replacing("/*vector*/", with: vector)
    }

    /// As a balanced tree: a plain row of thousands of terms would need a stack of that depth.
    private static func sum(_ places: ClosedRange<Int>) -> String {
        guard places.count > 1 else { return "v.v[\(places.lowerBound)] * ($1::double precision[])[\(places.lowerBound)]" }
        let middle = (places.lowerBound + places.upperBound) / 2
        return "(\(sum(places.lowerBound...middle)) + \(sum(middle + 1...places.upperBound)))"
    }
}
