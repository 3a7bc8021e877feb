use super::*;
use crate::SandboxConfig;
use crate::provision::MADE_ANEW;
use futures::executor::block_on;
use model::dataset::Codec;
use model::ports::Fakes;
use model::session::Lifetimes;

struct Plain;

impl Codec for Plain {
    fn pack(&self, part: &[u8]) -> Vec<u8> {
        part.to_vec()
    }
    fn unpack(&self, packed: &[u8]) -> Option<Vec<u8>> {
        Some(packed.to_vec())
    }
}

const CREATED: &str =
    r#"{"templateID":"t","sandboxID":"s1","clientID":"c","envdVersion":"0.6.13"}"#;
const PRINTED: &str = "{\"type\":\"number_of_executions\",\"execution_count\":1}\n\
    {\"type\":\"stdout\",\"text\":\"1\\n\"}\n{\"type\":\"end_of_execution\"}\n";
const GONE: &str = r#"{"sandboxId":"s1","message":"The sandbox was not found","code":502}"#;

fn run(fakes: &Fakes, request: &str) -> (Result<RunReply, ExecutionFailure>, Vec<Event>) {
    let config = SandboxConfig::read(|name| match name {
        "sandbox_api_url" | "sandbox_data_url" => "http://sandbox".to_owned(),
        _ => String::new(),
    });
    let executor = Executor {
        outside: fakes,
        config: &config,
        lifetimes: Lifetimes::default(),
        codec: &Plain,
    };
    let request: RunRequest = serde_json::from_str(request).expect("the request is well-formed");
    let mut events = Vec::new();
    let reply = block_on(executor.run(&request, &mut events));
    (reply, events)
}

fn fakes(http: impl FnOnce(model::ports::ScriptedHttp) -> model::ports::ScriptedHttp) -> Fakes {
    let mut fakes = Fakes::default();
    fakes.http = http(std::mem::take(&mut fakes.http));
    fakes
}

#[test]
fn a_first_run_makes_a_sandbox_and_tells_what_happens() {
    let fakes = fakes(|http| http.reply(201, CREATED).reply(200, PRINTED));
    let (reply, events) = run(&fakes, r#"{"code":"print(1)"}"#);
    let reply = reply.expect("it is scripted");
    assert_eq!(
        (reply.output.as_str(), reply.execution_count),
        ("1\n", Some(1))
    );
    let names: Vec<_> = events.iter().map(Event::name).collect();
    assert_eq!(names, ["started", "stdout"]);
    assert_eq!(fakes.http.lines(), ["POST /sandboxes", "POST /execute"]);
}

#[test]
fn a_further_run_is_one_request_to_the_sandbox_two_reads_and_a_write() {
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply(200, PRINTED)
            .reply(200, PRINTED)
    });
    let first = run(&fakes, r#"{"code":"print(1)"}"#).0;
    let id = first.expect("it is scripted").session_id;
    fakes.http.requests.borrow_mut().clear();
    let (reads, writes) = (fakes.store.reads.get(), fakes.store.writes.get());

    let request = format!(r#"{{"code":"print(1)","session_id":"{id}"}}"#);
    run(&fakes, &request).0.expect("it is scripted");
    assert_eq!(fakes.http.lines(), ["POST /execute"]);
    assert_eq!(fakes.store.reads.get() - reads, 2);
    assert_eq!(fakes.store.writes.get() - writes, 1);
}

#[test]
fn a_sandbox_that_is_gone_is_replaced_and_the_notice_says_so() {
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply(200, PRINTED)
            .reply(502, GONE)
            .reply(201, &CREATED.replace("s1", "s2"))
            .reply(200, PRINTED)
    });
    let id = run(&fakes, r#"{"code":"print(1)"}"#)
        .0
        .expect("it is scripted")
        .session_id;
    let request = format!(r#"{{"code":"print(1)","session_id":"{id}"}}"#);
    let reply = run(&fakes, &request).0.expect("it is scripted");
    assert_eq!(reply.notices, [MADE_ANEW]);
    let head = block_on(session::load(&fakes, id)).expect("it is stored");
    assert_eq!(head.sandbox.expect("it has one").id, "s2");
}

#[test]
fn a_service_that_is_down_leaves_no_session() {
    let fakes = Fakes::default();
    let (reply, _) = run(&fakes, r#"{"code":"print(1)"}"#);
    assert!(matches!(
        reply,
        Err(ExecutionFailure::Sandbox(SandboxError::Unreachable(_)))
    ));
    assert!(fakes.store.keys().is_empty());
}

#[test]
fn a_stream_without_an_end_is_a_sandbox_that_ended() {
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply(200, "{\"type\":\"stdout\",\"text\":\"half\"}\n")
    });
    let reply = run(&fakes, r#"{"code":"x"}"#).0.expect("it is an outcome");
    assert_eq!(reply.output, "half");
    assert_eq!(reply.error.expect("it failed").kind, ErrorKind::Killed);
}

#[test]
fn output_beyond_the_limit_is_left_out_and_said_so() {
    let mut outcome = Outcome::default();
    assert_eq!(
        outcome.append("é".repeat(OUTPUT_LIMIT / 2 - 1)).len(),
        OUTPUT_LIMIT - 2
    );
    assert_eq!(outcome.append("aé".to_owned()), "a");
    assert!(outcome.truncated && outcome.output.len() == OUTPUT_LIMIT - 1);
}

const WAITING: &str = "{\"type\":\"keepalive\"}\n{\"type\":\"keepalive\"}\n";
const BEGUN: &str = "{\"type\":\"number_of_executions\",\"execution_count\":1}\n";

#[test]
fn a_run_that_never_gets_its_turn_is_told_that_the_session_is_busy() {
    let fakes = fakes(|http| http.reply(201, CREATED).reply_that_stalls(200, WAITING));
    let reply = run(&fakes, r#"{"code":"x","timeout_seconds":1}"#).0;
    assert!(
        matches!(reply, Err(ExecutionFailure::Busy { seconds: 30, .. })),
        "{reply:?}"
    );
}

#[test]
fn a_run_that_takes_too_long_times_out_from_its_turn_on() {
    let waiting_then_begun = format!("{WAITING}{BEGUN}");
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply_that_stalls(200, &waiting_then_begun)
    });
    let reply = run(&fakes, r#"{"code":"x","timeout_seconds":7}"#)
        .0
        .expect("it is an outcome");
    let error = reply.error.expect("it failed");
    assert_eq!(
        (error.kind, error.value.as_str()),
        (ErrorKind::Timeout, "timeout (7 s)")
    );
}

/// Somebody who asks the session to stop as soon as it prints something.
struct Impatient<'a>(&'a Fakes, model::SessionId);

impl EventSink for Impatient<'_> {
    async fn emit(&mut self, event: Event) -> Result<(), ClientGone> {
        if event.name() == "stdout" {
            let asked = session::update(self.0, self.1, |head| head.stops_asked += 1);
            asked.await.expect("it is stored");
        }
        Ok(())
    }

    async fn keep_alive(&mut self) -> Result<(), ClientGone> {
        Ok(())
    }
}

#[test]
fn a_run_is_stopped_by_who_asks_while_it_runs_and_not_by_who_asked_before() {
    let printed = "{\"type\":\"stdout\",\"text\":\"1\"}\n";
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply(200, PRINTED)
            .reply(200, PRINTED)
            .reply_that_stalls(200, &format!("{BEGUN}{printed}"))
    });
    let first = run(&fakes, r#"{"code":"x"}"#).0.expect("it is scripted");
    let id = first.session_id;
    block_on(session::update(&fakes, id, |head| head.stops_asked += 1)).expect("it is stored");
    let request = format!(r#"{{"code":"x","session_id":"{id}"}}"#);
    let second = run(&fakes, &request).0.expect("it is scripted");
    assert_eq!(second.error, None, "it was asked before");

    let config = SandboxConfig::read(|_| "http://sandbox".to_owned());
    let executor = Executor {
        outside: &fakes,
        config: &config,
        lifetimes: Lifetimes::default(),
        codec: &Plain,
    };
    let request: RunRequest = serde_json::from_str(&request).expect("it is well-formed");
    let reply = block_on(executor.run(&request, &mut Impatient(&fakes, id)));
    let error = reply
        .expect("it is an outcome")
        .error
        .expect("it was stopped");
    assert_eq!(
        (error.kind, error.name.as_str()),
        (ErrorKind::Killed, "Interrupted")
    );
    let head = block_on(session::load(&fakes, id)).expect("it is stored");
    assert_eq!((head.stops_asked, head.stops_obeyed), (2, 2));
}

#[test]
fn on_e2bs_cloud_a_limit_is_inferred_and_its_size_asked_for() {
    let error = "{\"type\":\"error\",\"name\":\"MemoryError\",\"value\":\"\",\"traceback\":\"Cell In[1], line 2\"}\n";
    let fakes = fakes(|http| {
        http.reply(201, CREATED)
            .reply(
                200,
                &format!("{BEGUN}{error}{{\"type\":\"end_of_execution\"}}\n"),
            )
            .reply(200, r#"{"mem_total":536870912,"disk_total":0}"#)
    });
    // Without an address for data every sandbox has hosts of its own.
    let config = SandboxConfig::read(|name| match name {
        "sandbox_api_url" => "http://sandbox".to_owned(),
        _ => String::new(),
    });
    let executor = Executor {
        outside: &fakes,
        config: &config,
        lifetimes: Lifetimes::default(),
        codec: &Plain,
    };
    let request = serde_json::from_str(r#"{"code":"x"}"#).expect("it is well-formed");
    let reply = block_on(executor.run(&request, &mut Vec::new()));
    let error = reply.expect("it is an outcome").error.expect("it failed");
    assert_eq!(
        (error.kind, error.value.as_str(), error.line),
        (ErrorKind::OutOfMemory, "out of memory (512 MiB)", None)
    );
}
