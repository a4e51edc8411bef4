import Subprocess
import SystemPackage

/// Runs a program on a document nobody vouches for: bounded memory, CPU, time and output, no files written, nothing inherited.
/// The process group dies with the call, however the call ends.
struct LimitedTool: Sendable {
    let name: String
    /// What to install when the program is missing.
    let package: String
    let limits: ExtractLimits

    struct Outcome: Sendable {
        let exitCode: Int32
        let output: [UInt8]
        let complaint: String
    }

    /// At most `outputBytes` of output are accepted; more is `.tooLarge`.
    func run(_ arguments: [String], outputBytes: Int) async throws(ExtractError) -> Outcome {
        let race = await withTaskGroup(of: Result<Outcome, ExtractError>?.self) { group in
            group.addTask { await self.attempt(arguments, outputBytes: outputBytes) }
            group.addTask {
                try? await Task.sleep(for: limits.toolTime)
                return nil
            }
            let first = await group.next() ?? nil
            group.cancelAll()
            await group.waitForAll()
            return first
        }
        if Task.isCancelled { throw .cancelled }
        guard let race else { throw .timedOut("\(name) took longer than \(limits.toolTime) for the document") }
        return try race.get()
    }

    private func attempt(_ arguments: [String], outputBytes: Int) async -> Result<Outcome, ExtractError> {
        do {
            let result = try await Subprocess.run(
                .name("prlimit"), arguments: Arguments(bounds + [name] + arguments),
                environment: .custom(["PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"]), platformOptions: Self.ownGroup,
                output: .bytes(limit: outputBytes), error: .string(limit: 64 << 10))
            return verdict(on: result.terminationStatus, output: result.standardOutput, complaint: result.standardError)
        } catch let error as SubprocessError where error.code == .outputLimitExceeded {
            return .failure(.tooLarge("\(name) made more than \(outputBytes >> 10) KiB of the document"))
        } catch let error as SubprocessError where error.code == .executableNotFound {
            return .failure(.toolMissing("prlimit is missing: install the package util-linux"))
        } catch {
            return .failure(Task.isCancelled ? .cancelled : .unreadable("\(name) could not be run"))
        }
    }

    private func verdict(on status: TerminationStatus, output: [UInt8], complaint: String) -> Result<Outcome, ExtractError> {
        switch status {
        case .exited(let code) where code == 127 || (code == 1 && complaint.hasPrefix("prlimit: failed to execute")):
            .failure(.toolMissing("\(name) is missing: install the package \(package)"))
        case .exited(let code):
            .success(Outcome(exitCode: code, output: output, complaint: complaint))
        case .signaled:
            .failure(.unreadable("\(name) did not survive the document, or needed more CPU time than it may have"))
        }
    }

    private var bounds: [String] {
        let seconds = max(1, limits.toolTime.components.seconds)
        return [
            "--as=\(limits.toolMemoryBytes)", "--cpu=\(seconds)", "--fsize=0", "--core=0", "--nofile=32", "--",
        ]
    }

    /// Without `toProcessGroup` a grandchild outlives the timeout (seen).
    private static var ownGroup: PlatformOptions {
        var options = PlatformOptions()
        options.createSession = true
        options.teardownSequence = [.send(signal: .kill, toProcessGroup: true, allowedDurationToNextStep: .zero)]
        return options
    }
}
