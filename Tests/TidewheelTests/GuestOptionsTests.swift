import Testing

@testable import TidewheelWorker
@testable import tidewheel

/// The worker library is set by the same variables as `tidewheel worker`: same names, same defaults.
@Suite struct GuestOptionsTests {
    @Test(arguments: WorkerOptions.variables.map(\.name))
    func aVariableIsASettingWithTheSameDefault(name: String) throws {
        let entry = try #require(Known.table.first { $0.name == name })
        let variable = try #require(WorkerOptions.variables.first { $0.name == name })
        var options = WorkerOptions()
        if !entry.standard.isEmpty { #expect(variable.take(entry.standard, &options)) }
        #expect("\(options)" == "\(WorkerOptions())")
    }
}
