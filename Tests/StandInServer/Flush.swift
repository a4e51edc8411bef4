import Glibc

/// Everything that was printed is on its way.
func flush() { fflush(nil) }
