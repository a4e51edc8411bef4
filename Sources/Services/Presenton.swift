/// A self-hosted Presenton server: slides from a topic. Its API has changed without changing its version, so answers are read leniently,
/// and routes that only newer builds have may be missing. What a status means is in `PresentonFailure.swift`.
package import JobModel
internal import PageText
package import WebFetch

package struct Presenton: Sendable {
    /// What became of the question for a deck.
    package enum Asked: Sendable, Equatable {
        case task(String)
        /// This build makes decks only while the caller waits.
        case noBackground
        /// Presenton said no, or never heard the question.
        case refused(JobFailure)
        /// It was sent and nobody knows whether it arrived: a deck may be on its way.
        case unknown(JobFailure)
        /// It was not sent, because it could not be in time.
        case late
    }

    /// What became of a deck that was made while the caller waited.
    package enum Made: Sendable, Equatable {
        case deck(PresentonDeck)
        /// There is no deck.
        case refused(JobFailure)
        /// It may be there, or still be made.
        case unknown(JobFailure)
        case late
    }

    /// How long every answer but a deck's may take.
    package static let patience: Duration = .seconds(30)
    private static let deckPatience: Duration = .seconds(86_400)
    /// Routes do not list more at once.
    private static let listed = 200

    /// Names the server in rows: without credentials, and the same for every worker.
    package let server: String
    private let client: ServiceClient
    private let fetcher: Fetcher
    private let login: [(String, String)]

    package init(url: String, login: PresentonLogin = .none, fetcher: Fetcher) {
        server = String(url.reversed().drop { $0 == "/" }.reversed())
        self.fetcher = fetcher
        self.login = login.headers
        client = ServiceClient(name: "Presenton", url: url, headers: login.headers, fetcher: fetcher)
    }

    /// Asks for a deck in the background. There is nothing in the API that would make a repeated question harmless.
    /// It is not sent after `last`: from then on somebody else may ask.
    package func ask(_ order: JSONValue, sendBy last: ContinuousClock.Instant? = nil) async -> Asked {
        let answer: ServiceAnswer
        do throws(FetchError) {
            answer = try await client.exchange(
                "POST", "/api/v1/ppt/presentation/generate/async", order.bytes, within: Self.patience, isSentOnce: true, sendBy: last)
        } catch {
            guard error.neverSent else { return .unknown(client.failure(error)) }
            return Self.isPast(last) ? .late : .refused(client.failure(error))
        }
        if PresentonFailure.isRouteMissing(answer) { return .noBackground }
        if PresentonFailure.isOfGateway(answer) { return .unknown(PresentonFailure.of(answer)) }
        guard answer.isSuccess else { return .refused(PresentonFailure.of(answer)) }
        guard let id = answer.json?["id"]?.string, PresentonTask.isID(id) else { return .unknown(PresentonFailure.invalidAnswer) }
        return .task(id)
    }

    private static func isPast(_ last: ContinuousClock.Instant?) -> Bool { last.map { .now > $0 } ?? false }

    /// Makes a deck while the caller waits: the connection is silent until it is made, and its end ends the work in some builds.
    package func make(_ order: JSONValue, sendBy last: ContinuousClock.Instant? = nil) async -> Made {
        let answer: ServiceAnswer
        do throws(FetchError) {
            answer = try await client.exchange(
                "POST", "/api/v1/ppt/presentation/generate", order.bytes, within: Self.deckPatience, isSentOnce: true, sendBy: last)
        } catch {
            guard error.neverSent else { return .unknown(client.failure(error)) }
            return Self.isPast(last) ? .late : .refused(client.failure(error))
        }
        if PresentonFailure.isOfGateway(answer) { return .unknown(PresentonFailure.of(answer)) }
        guard answer.isSuccess else { return .refused(PresentonFailure.of(answer)) }
        guard let deck = answer.json, deck.object != nil else { return .unknown(PresentonFailure.invalidAnswer) }
        return .deck(PresentonDeck(deck))
    }

    /// Ids of the decks that were made from the same text. Nil: this build does not list its decks, or more than can be read.
    package func decks(like order: JSONValue) async throws(JobFailure) -> Set<String>? {
        let answer: ServiceAnswer
        do throws(FetchError) {
            answer = try await client.exchange("GET", "/api/v1/ppt/presentation/all", within: Self.patience)
        } catch {
            if case .tooLarge = error { return nil }
            throw client.failure(error)
        }
        if [404, 405, 422].contains(answer.status) { return nil }
        guard answer.isSuccess else { throw PresentonFailure.of(answer) }
        guard let rows = answer.json?.array, let text = order["content"]?.string else { return nil }
        // Older builds call it the prompt.
        let same = rows.filter { ($0["content"]?.string ?? $0["prompt"]?.string) == text }
        return Set(same.compactMap { $0["id"]?.string }.filter(PresentonTask.isID))
    }

    /// Nil: Presenton does not know the task (any more).
    package func task(_ id: String) async throws(JobFailure) -> PresentonTask? {
        var answer = try await client.send("GET", "/api/v1/ppt/presentation/status/\(id)", within: Self.patience)
        if PresentonFailure.isRouteMissing(answer) {
            answer = try await client.send("GET", "/api/v1/async-tasks/status/\(id)", within: Self.patience)
        }
        if answer.status == 404, !PresentonFailure.isRouteMissing(answer) { return nil }
        guard answer.isSuccess else { throw PresentonFailure.of(answer) }
        guard let json = answer.json, let task = PresentonTask(json) else { throw PresentonFailure.invalidAnswer }
        return task
    }

    /// Ids of all tasks that make decks and were created since a moment of Presenton's clock. Nil: this build has no list.
    /// At most 4,000 are read: a server with more in that time cannot say which is whose.
    package func tasks(since: Timestamp) async throws(JobFailure) -> Set<String>? {
        var found: Set<String> = []
        for page in 0..<20 {
            let query =
                "type=presentation.generate&created_at_from=\(since.startOfSecond)&limit=\(Self.listed)&offset=\(page * Self.listed)"
            let answer = try await client.send("GET", "/api/v1/async-tasks?\(query)", within: Self.patience)
            if PresentonFailure.isRouteMissing(answer) { return nil }
            guard answer.isSuccess else { throw PresentonFailure.of(answer) }
            guard let rows = PresentonTask.rows(answer.json) else { throw PresentonFailure.invalidAnswer }
            found.formUnion(rows.compactMap { $0["id"]?.string }.filter(PresentonTask.isID))
            if rows.count < Self.listed { return found }
        }
        throw .permanent(
            "Presenton lists more than 4,000 decks of one day: the one that was asked for cannot be found", type: "too_many_tasks")
    }

    /// The file at the path that a deck names. Only the configured server is asked, with its credentials, and no redirect is followed:
    /// nil for a path that leads elsewhere.
    package func file(at path: String, maxBytes: Int) async throws(JobFailure) -> FetchBody? {
        guard let home = WebAddress(server + "/"), let address = WebAddress(path, relativeTo: home), address.origin == home.origin else {
            return nil
        }
        var request = FetchRequest(url: address.description, headers: login, compression: false)
        request.limits.maxBodyBytes = maxBytes
        request.limits.maxRedirects = 0
        request.limits.totalTimeout = .seconds(1800)
        let response: FetchResponse
        do throws(FetchError) { response = try await fetcher.fetch(request) } catch { throw client.failure(error) }
        guard response.status == 200 else { throw PresentonFailure.ofFile(response.status) }
        return response.body
    }

    /// What a body that broke off means.
    package func failure(_ error: FetchError) -> JobFailure { client.failure(error) }

    /// There is no health route: the list, or on older builds the start page, in a short time.
    package func trouble() async -> String? {
        do throws(JobFailure) {
            let list = try await client.send("GET", "/api/v1/async-tasks?limit=1", within: .seconds(10))
            guard PresentonFailure.isRouteMissing(list) else { return list.isSuccess ? nil : PresentonFailure.of(list).message }
            let page = try await client.send("GET", "/", within: .seconds(10))
            return page.status < 500 ? nil : PresentonFailure.of(page).message
        } catch {
            return error.message
        }
    }
}
