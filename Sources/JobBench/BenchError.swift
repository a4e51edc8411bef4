/// Why a measurement could not be made or cannot be believed, in words that say what to do.
package struct BenchError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}
