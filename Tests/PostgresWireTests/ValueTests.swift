import PostgresWire
import Testing

@Suite struct ValueTests {
    private static let hostile: [String] = [
        "", "NULL", "null", "a,b", "{}", "{a}", "\"", "\\", "\\\\\"", "'", "'; DROP TABLE t; --", "$1", "%s", " lead and trail ", "\n\t\r",
        "🦑 Ünïcödé \u{202e}", "\u{1}", "a\"b\\c'd{e}f,g",
    ]

    @Test(.timeLimit(.minutes(1))) func `Every value comes back as it went`() async throws {
        try await withPool { pool in
            let row = try #require(
                try await pool.query(
                    "SELECT $1::text AS t, $2::bigint AS i, $3::float8 AS d, $4::boolean AS b, $5::bytea AS y, $6::text AS n, $7::real[] AS f",
                    ["é", .integer(.min), 0.1, true, .bytes([0, 255, 92, 39]), .null, .floatArray([0.1, -1e-20, 3])]
                ).first)
            #expect(try row.string("t") == "é")
            #expect(try row.int("i") == .min)
            #expect(try row.double("d") == 0.1)
            #expect(try row.bool("b"))
            #expect(try row.bytes("y") == [0, 255, 92, 39])
            #expect(try row.optionalString("n") == nil)
            #expect(try row.floats("f") == [0.1, -1e-20, 3])
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Hostile text passes through arrays unchanged, and is only data`() async throws {
        try await withPool { pool in
            let elements = Self.hostile.map(Optional.some) + [nil]
            let rows = try await pool.query(
                "SELECT x FROM unnest($1::text[]) WITH ORDINALITY AS u (x, n) ORDER BY n", [.textArray(elements)])
            #expect(try rows.map { try $0.optionalString("x") } == elements)
            let back = try #require(try await pool.query("SELECT $1::text[] AS a", [.textArray(elements)]).first)
            #expect(try back.strings("a") == elements)
            for text in Self.hostile {
                let row = try await pool.query("SELECT $1::text AS x", [.text(text)]).first
                #expect(try row?.string("x") == text)
            }
        }
    }

    @Test(.timeLimit(.minutes(1))) func `Arrays of every type reach the server, NULLs included`() async throws {
        try await withPool { pool in
            let row = try #require(
                try await pool.query(
                    """
                    SELECT ($1::bigint[])[2] IS NULL AND ($1::bigint[])[1] = -1 AS i, ($2::float8[])[1] = 1e300 AND ($2::float8[])[2] = 'inf' AS d,
                    ($3::boolean[])[2] AS b, ($4::bytea[])[1] = '\\x00ff5c22'::bytea AND ($4::bytea[])[2] = '' AS y, $5::text[] AS e
                    """,
                    [
                        .integerArray([-1, nil]), .doubleArray([1e300, .infinity]), .booleanArray([false, true]),
                        .bytesArray([[0, 255, 92, 34], []]), .textArray([]),
                    ]
                ).first)
            for column in ["i", "d", "b", "y"] { #expect(try row.bool(column), "\(column)") }
            #expect(try row.strings("e").isEmpty)
        }
    }

    @Test(.timeLimit(.minutes(1)), arguments: [PostgresValue.text("a\u{0}b"), .textArray(["x", "\u{0}"])])
    func `U+0000 is refused with its place, not cut off silently`(value: PostgresValue) async throws {
        try await withPool { pool in
            let error = try #require(await failure { () throws(PostgresError) in try await pool.query("SELECT $1, $2::text", [1, value]) })
            #expect(error.kind == .invalidInput && error.message.contains("$2") && error.message.contains("U+0000"))
        }
    }

    @Test(.timeLimit(.minutes(1))) func `A wrong column, type or NULL is a decoding error that names the column`() async throws {
        try await withPool { pool in
            let row = try #require(try await pool.query("SELECT 'x' AS word, NULL AS nothing").first)
            #expect(throws: PostgresError.self) { try row.int("word") }
            #expect(throws: PostgresError.self) { try row.bool("word") }
            #expect(throws: PostgresError.self) { try row.bytes("word") }
            #expect(throws: PostgresError.self) { try row.strings("word") }
            #expect(throws: PostgresError.self) { try row.string("absent") }
            let error = #expect(throws: PostgresError.self) { try row.string("nothing") }
            #expect(error?.kind == .decoding && error?.message.contains("nothing") == true)
            #expect(try row.optionalInt("nothing") == nil)
        }
    }
}
