import JobModel
import Testing

@testable import ToolServer

@Suite struct NamesTests {
    @Test(arguments: [
        ("get-job-progress", "get_job_progress"), ("getJobStatus", "get_job_status"), ("GetJobStatus", "get_job_status"),
        ("sessionID", "session_id"), ("sessionId", "session_id"), ("numThinkingSteps", "num_thinking_steps"), ("list_jobs", "list_jobs"),
        ("n-slides", "n_slides"), ("HTTPServer", "http_server"), ("query models", "query_models"), ("", ""),
    ])
    func spellingsAreOneName(given: String, name: String) {
        #expect(ToolNames.snake(given) == name)
    }

    @Test func nearNamesAreFound() {
        let names = ["get_job_progress", "get_job_result", "list_jobs", "health_check"]
        #expect(ToolNames.nearest(to: "get_jobs_progress", among: names).first == "get_job_progress")
        #expect(ToolNames.nearest(to: "jobResult", among: names) == ["get_job_result"])
        #expect(ToolNames.nearest(to: "teapot", among: names).isEmpty)
    }
}
