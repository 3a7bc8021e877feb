//! Sandboxes that were made, with a started kernel, before anyone asked for them.

use reqwest::Method;
use serde_json::{Value, json};

use crate::fixture::{self, FEW_LIBRARIES, Sandbox, Service, until};

/// A service with so many sandboxes in waiting, and few libraries.
async fn service(waiting: usize) -> Service {
    let service = Service::start_with_zygote(&[FEW_LIBRARIES, &format!("--pool={waiting}")]);
    until("sandboxes to wait", async || {
        service.inits().len() == waiting
    })
    .await;
    service
}

/// The text of every output of an execution, and all it said.
async fn execute(sandbox: &Sandbox<'_>, body: Value) -> (String, String) {
    let request = sandbox.call(49999, Method::POST, "/execute").json(&body);
    let said = request.send().await.unwrap().text().await.unwrap();
    let lines = said
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let printed = lines
        .filter_map(|line| line["text"].as_str().map(str::to_owned))
        .collect();
    (printed, said)
}

async fn python(sandbox: &Sandbox<'_>, code: &str) -> String {
    execute(sandbox, json!({ "code": code })).await.0
}

/// How many kernels run in a sandbox: their command line ends with the name of their program.
async fn kernels(sandbox: &Sandbox<'_>) -> usize {
    let count = "pgrep -c -f \"'[k]ernel.py', 'exec'\"";
    let shown = sandbox.shell(count).await.stdout;
    shown.trim().parse().unwrap_or_else(|_| panic!("{shown}"))
}

#[tokio::test]
async fn a_sandbox_from_the_pool_is_as_if_made_for_its_caller() {
    let service = service(1).await;
    let list = service.call(Method::GET, "/v2/sandboxes").send().await;
    assert_eq!(fixture::json(list.unwrap()).await, json!([]));
    for number in 0..3 {
        let value = format!("it's \"{number}\"");
        let sandbox = service
            .create_from(json!({
                "templateID": "base",
                "timeout": 300,
                "metadata": { "number": number.to_string() },
                "envVars": { "OWN": value },
            }))
            .await;
        let code = "import os; print(os.environ['OWN'], len(os.listdir()), sep='|')";
        let (printed, said) = execute(&sandbox, json!({ "code": code })).await;
        assert_eq!(printed, format!("{value}|0\n"), "{said}");
        assert!(said.contains("\"execution_count\":1"), "{said}");
        assert_eq!(sandbox.shell("printf %s \"$OWN\"").await.stdout, value);
    }
}

#[tokio::test]
async fn a_kernel_that_nobody_uses_is_ended_and_the_next_run_does_not_notice() {
    let service = service(4).await;
    let mut sandboxes = Vec::new();
    for number in 0..4 {
        let own = number.to_string();
        let body = json!({ "templateID": "base", "timeout": 300, "envVars": { "OWN": own } });
        sandboxes.push(service.create_from(body).await);
    }
    let [used, unused, raced, contexts] = &sandboxes[..] else {
        panic!("four sandboxes")
    };
    assert_eq!(python(used, "print(x := 1)").await, "1\n");
    let kernels_of_one = kernels(used).await;
    assert!(kernels_of_one > 0);
    let made = contexts.call(49999, Method::POST, "/contexts");
    let own = fixture::json(made.json(&json!({})).send().await.unwrap()).await;
    until("the unused kernel to end", async || {
        kernels(unused).await == 0
    })
    .await;
    // That of the next one ends at this very moment.
    let environment = "import os; print(os.environ['OWN'])";
    for (number, sandbox) in [(2, raced), (1, unused)] {
        let (printed, said) = execute(sandbox, json!({ "code": environment })).await;
        assert_eq!(printed, format!("{number}\n"), "{said}");
        assert!(said.contains("\"execution_count\":1"), "{said}");
        assert!(said.contains("end_of_execution"), "{said}");
    }
    // One that has state keeps it, and one that somebody made is there for him.
    assert_eq!(python(used, "print(x)").await, "1\n");
    until("the other unused kernel to end", async || {
        kernels(contexts).await == kernels_of_one
    })
    .await;
    let body = json!({ "code": "print(6 * 7)", "context_id": own["id"] });
    assert_eq!(execute(contexts, body).await.0, "42\n");
}
