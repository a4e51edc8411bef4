/// What jobs need beside the stores: model servers, Presenton, Qdrant, disks; and the API itself.
import FoundationEssentials
import Glibc
import JobKinds
import JobLedger
import JobModel
import Services
import TidewheelClient
import WebFetch

struct ServiceChecks: Sendable {
    let settings: Settings
    let flags: ClientFlags
    let ledger: JobLedger

    func run() async -> [Finding] {
        let fetcher = Fetcher(guard: nil, userAgent: "tidewheel doctor")
        async let models = models(fetcher)
        async let presenton = presenton(fetcher)
        async let qdrant = qdrant(fetcher)
        async let api = api()
        let findings = await api + models + presenton + qdrant + directories()
        await fetcher.close()
        return findings
    }

    private func api() async -> [Finding] {
        do {
            var flags = flags
            if flags.url == nil, settings.isGiven(Known.port) { flags.url = "http://127.0.0.1:\(settings[Known.port])" }
            let client = try flags.client(patience: .zero)
            let answer = try await client.send("GET", "/readyz")
            await client.close()
            return [
                answer.status == 200
                    ? .ok("api", "\(client.url) is ready")
                    : .fail(
                        "api", "\(client.url) says \(answer.status): \((try? answer.json()["detail"]?.string) ?? "")", "Look at its log.")
            ]
        } catch {
            return [.warn("api", "\(ClientFlags.lastURL): \(error)", "Start `tidewheel api`, or say where it is: TIDEWHEEL_URL or --url.")]
        }
    }

    private func models(_ fetcher: Fetcher) async -> [Finding] {
        do {
            let servers = try ModelSettings(settings: settings).providers(fetcher)
            guard !servers.isEmpty else {
                return [.warn("models", "answered by the stand-in, which has no meaning", "Set OLLAMA_URL or OPENAI_URL for real ones.")]
            }
            var findings: [Finding] = []
            for (url, provider) in servers {
                let name = ServiceClient.label(of: url)
                let trouble = await provider.trouble()
                let count = trouble == nil ? try? await provider.models().count : nil
                findings.append(
                    trouble.map {
                        .fail("models", "\(name): \($0)", "Start it, or correct OLLAMA_URL or OPENAI_URL; its jobs wait or fail meanwhile.")
                    }
                        ?? .ok("models", "\(name) (\(provider.name)) answers" + (count.map { ", \($0) models" } ?? "")))
            }
            return findings
        } catch { return [.warn("models", "\(error)", "docs/model-servers.md says how they are set.")] }
    }

    private func presenton(_ fetcher: Fetcher) async -> [Finding] {
        do {
            guard let rooms = try PresentonSettings(settings: settings).rooms(fetcher, directory: nil) else {
                return [.ok("presenton", "none: jobs of kind presentation fail")]
            }
            guard let trouble = await rooms.presenton.trouble() else { return [.ok("presenton", "answers")] }
            return [.fail("presenton", trouble, "Start it, or correct PRESENTON_URL and its key.")]
        } catch { return [.fail("presenton", "\(error)", "docs/settings.md has what it takes.")] }
    }

    private func qdrant(_ fetcher: Fetcher) async -> [Finding] {
        guard let store = Assembly.qdrant(settings, fetcher, ledger) else { return [] }
        guard let trouble = await store.trouble() else { return [.ok("qdrant", "answers")] }
        return [.fail("qdrant", trouble, "Start it, or correct QDRANT_URL and QDRANT_API_KEY; ingest jobs are tried again meanwhile.")]
    }

    private func directories() -> [Finding] {
        [Known.deckDirectory, Known.fileRoot].compactMap { setting in settings[optional: setting].map { Self.disk(setting.entry.name, $0) }
        }
    }

    static func disk(_ name: String, _ path: String) -> Finding {
        var isDirectory = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory), isDirectory else {
            return .fail(name, "\(path) is no directory here", "Make it, or correct \(name).")
        }
        var stats = statvfs()
        guard statvfs(path, &stats) == 0, stats.f_blocks > 0 else {
            return .warn(name, "\(path): its disk does not tell what is free", "Look at its file system.")
        }
        let free = UInt64(stats.f_bavail) * UInt64(stats.f_frsize)
        let text = "\(path), \(free >> 20) MiB free"
        return free < 1 << 30 || stats.f_bavail * 20 < stats.f_blocks
            ? .warn(name, text, "Make room: what does not fit fails.") : .ok(name, text)
    }
}
