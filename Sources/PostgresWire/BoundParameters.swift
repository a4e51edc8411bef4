/// The parameters of one statement, laid out in one buffer the way libpq wants them.
package struct BoundParameters {
    private var buffer: [CChar] = []
    private var offsets: [Int?] = []
    private var lengths: [CInt] = []
    private var formats: [CInt] = []

    package var count: CInt { CInt(clamping: offsets.count) }

    /// The protocol counts parameters in 16 bits and bytes in 31; text ends at its first zero byte, so one inside would cut it silently.
    package init(_ parameters: [PostgresValue]) throws(PostgresError) {
        guard parameters.count <= 65_535 else {
            throw PostgresError(.invalidInput, "A statement takes at most 65,535 parameters: pass an array and unnest it")
        }
        for (index, value) in parameters.enumerated() {
            let bytes = value.encoded
            if let bytes, !value.isBinary, bytes.contains(0) {
                throw PostgresError(
                    .invalidInput, "Parameter $\(index + 1) holds U+0000, which PostgreSQL cannot store in text: take it out first")
            }
            guard (bytes?.count ?? 0) < 1 << 30 else {
                throw PostgresError(.invalidInput, "Parameter $\(index + 1) is larger than PostgreSQL's 1 GiB")
            }
            append(bytes, isBinary: value.isBinary)
        }
    }

    private mutating func append(_ bytes: [UInt8]?, isBinary: Bool) {
        offsets.append(bytes == nil ? nil : buffer.count)
        lengths.append(CInt(clamping: bytes?.count ?? 0))
        formats.append(isBinary ? 1 : 0)
        guard let bytes else { return }
        bytes.withUnsafeBytes { buffer.append(contentsOf: $0.bindMemory(to: CChar.self)) }
        buffer.append(0)
    }

    package func withPointers<Result>(_ body: ([UnsafePointer<CChar>?], [CInt], [CInt]) -> Result) -> Result {
        buffer.withUnsafeBufferPointer { start in
            body(offsets.map { offset in offset.flatMap { start.baseAddress?.advanced(by: $0) } }, lengths, formats)
        }
    }
}
