//! How many live dashboards fit into a gigabyte.
//!
//! Measured once, not in rounds: memory does not vary as time does. Both sides are never there at
//! once, because pages of files that both map would count for each by half.

use std::time::Duration;

use serde_json::json;

use super::super::app::App;
use super::super::caller::Caller;
use super::super::quiet::until_quiet;
use super::super::server::Server;
use super::super::usage::{processor_seconds, proportional_mib};
use super::super::{Bar, Comparison, Effort, Report, Samples, Unit};
use super::live_app::address;
use crate::Conductor;

/// Dashboards at once. With twice as many, processes of their own keep two processors so busy that
/// further ones do not start. What is there before the first one is shared
/// by all.
const DASHBOARDS: usize = 24;
const GIBIBYTE: f64 = 1024.0;
/// What a service ends by itself soon, such as a kernel that nobody uses, has ended after this.
const SETTLING: Duration = Duration::from_secs(15);
/// How long idle dashboards are watched.
const WATCHED: Duration = Duration::from_secs(5);

pub(super) async fn measure(effort: Effort) -> Report {
    let dashboards = match effort.runs {
        // A smoke run wants to see that it works.
        0 | 1 => 2,
        _ => DASHBOARDS,
    };
    let mut report = Report::default();
    for app in App::ALL {
        let (base, ours) = ours(app, dashboards).await;
        let theirs = theirs(app, dashboards).await;
        compare(app, dashboards, base, ours, theirs, &mut report);
    }
    report.notes.push(format!(
        "PSS of the whole trees with {dashboards} dashboards of a kind: ours with host, sandbox service, zygote and \
         pool, theirs with one process tree for each; a GiB holds 1024 / (all / {dashboards}), and what one more \
         takes is (all − base) / {dashboards}"
    ));
    report
}

/// What so many dashboards hold, and use while nobody does anything.
#[derive(Clone, Copy)]
struct Held {
    mib: f64,
    percent: f64,
}

impl Held {
    async fn by(roots: &[i32]) -> Self {
        tokio::time::sleep(SETTLING).await;
        until_quiet(roots).await;
        let before = processor_seconds(roots);
        tokio::time::sleep(WATCHED).await;
        let used = processor_seconds(roots) - before;
        Self {
            mib: proportional_mib(roots),
            percent: used / WATCHED.as_secs_f64() * 100.0,
        }
    }
}

async fn ours(app: App, dashboards: usize) -> (f64, Held) {
    let conductor = Conductor::start().with_all_libraries().await;
    let caller = Caller::of(&conductor);
    let services = [conductor.sandbox_pid(), conductor.host_pid()];
    // The first one warms up what all share.
    let request = json!({"code": app.code()});
    let first = caller.run_code(&request).await;
    caller.delete_session(&first["session_id"]).await;
    let base = Held::by(&services).await.mib;
    for _ in 0..dashboards {
        let reply = caller.run_code(&request).await;
        app.visit(&caller, &address(&conductor, &reply)).await;
    }
    (base, Held::by(&services).await)
}

async fn theirs(app: App, dashboards: usize) -> Held {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let conductor = Conductor::start().without_sandbox().await;
    let caller = Caller::of(&conductor);
    let mut servers = Vec::new();
    for _ in 0..dashboards {
        let server = Server::start("theirs", |port| app.command(port), "/", folder.path()).await;
        app.visit(&caller, &server.app()).await;
        servers.push(server);
    }
    let roots: Vec<_> = servers.iter().map(Server::pid).collect();
    Held::by(&roots).await
}

fn compare(app: App, dashboards: usize, base: f64, ours: Held, theirs: Held, report: &mut Report) {
    let name = app.name();
    let number = |value| Samples::one(Unit::Number, value);
    let memory = |value| Samples::one(Unit::Mebibytes, value);
    let each = |held: f64| held / dashboards as f64;
    let (one_of_ours, one_of_theirs) = (each(ours.mib), each(theirs.mib));
    let command = app.command_line();
    report.line(
        Comparison::of(
            format!("{name} dashboards a GiB, of {dashboards}"),
            &number(GIBIBYTE / one_of_ours),
        )
        .beside(
            format!("`{command}` for each"),
            &number(GIBIBYTE / one_of_theirs),
        )
        .must(Bar::TimesMore(3.0)),
    );
    report.line(
        Comparison::of(
            format!("{dashboards} {name} dashboards, all of it"),
            &memory(ours.mib),
        )
        .beside(format!("{dashboards} × `{command}`"), &memory(theirs.mib)),
    );
    report.line(
        Comparison::of(
            format!("one more {name} dashboard"),
            &memory(each(ours.mib - base)),
        )
        .beside("one more process", &memory(one_of_theirs)),
    );
    report.line(
        Comparison::of(
            format!("{dashboards} idle: processor use"),
            &Samples::one(Unit::Percent, ours.percent),
        )
        .beside("theirs", &Samples::one(Unit::Percent, theirs.percent)),
    );
    report.stage(
        format!("{name}: host, service, zygote and pool alone"),
        &memory(base),
    );
}
