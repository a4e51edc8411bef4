/// The API over HTTP, for tools that run beside it: what `tidewheel mcp` asks for its caller, with the key that it was started with.
import JobModel
import TidewheelClient

struct ClientDoor: APIDoor {
    /// The API itself holds an answer for at most a minute.
    let client: TidewheelClient

    /// What comes over the lines is for the one who started them.
    var asksForKeys: Bool { true }

    func ask(_ request: DoorRequest) async throws(APIAway) -> DoorAnswer {
        let answer = try await answer(request)
        guard answer.status != 401 else {
            let why = answer.body["detail"]?.string ?? ""
            throw APIAway("The API at \(client.url) lets nobody in like this. \(why) Start this program with the key in TIDEWHEEL_API_KEY.")
        }
        return answer
    }

    private func answer(_ request: DoorRequest) async throws(APIAway) -> DoorAnswer {
        do {
            let answer = try await client.send(
                request.method, request.path, query: request.query.map { ($0.name, $0.value) }, headers: request.headers.map { ($0, $1) },
                body: request.body?.bytes, isRepeatable: request.method != "POST" || request.headers["Idempotency-Key"] != nil)
            return DoorAnswer(
                status: answer.status,
                headers: Dictionary(answer.headers.map { ($0.name, $0.value) }, uniquingKeysWith: { first, _ in first }),
                body: try document(answer))
        } catch { throw (error as? APIAway) ?? APIAway((error as? TidewheelError).map(advice) ?? "\(error)") }
    }

    /// A success that is no JSON is another server's: its page would be taken for a job without anything in it.
    private func document(_ answer: APIAnswer) throws(APIAway) -> JSONValue {
        if let value = try? JSONReader.read(answer.body, depth: 256) { return value }
        guard answer.body.isEmpty || !(200..<300).contains(answer.status) else {
            throw APIAway("What answers at \(client.url) (TIDEWHEEL_URL) is no JSON: it is not Tidewheel's API.")
        }
        return .null
    }

    private func advice(_ error: TidewheelError) -> String {
        guard case .unreachable = error else { return error.description }
        return "There is no API at \(client.url) (TIDEWHEEL_URL). Is `tidewheel api` running there?"
    }

    func events(of job: String, after: Int64?) -> AsyncStream<JSONValue> {
        let (stream, continuation) = AsyncStream<JSONValue>.makeStream()
        let watch = client.job(job).watch(after: after.map(Int.init))
        let task = Task {
            do {
                for try await update in watch { continuation.yield(update.data.value) }
            } catch {
                // Whoever waits looks at the job again, and is told then.
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}
