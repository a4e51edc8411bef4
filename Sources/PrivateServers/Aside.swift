/// A child that is left to itself: a process for jobs that may take their process with them.
package import Logging

extension ChildOrder {
    /// Starts the process and returns when it has ended. It is not killed with this one (that would look like a crash of its job); when the
    /// caller is cancelled its standard input ends, and it goes when it is done.
    package func runAside(_ logger: Logger) async {
        var order = self
        order.endsWithParent = false
        do {
            let child = try ChildProcess(order)
            if await child.exit() == nil { child.closeInput() }
        } catch {
            logger.error("No process could be started", metadata: ["program": "\(program)", "error": "\(error)"])
        }
    }
}
