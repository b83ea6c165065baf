//! What is said of the routes.

use std::collections::BTreeSet;

use super::*;

/// Every `$ref` in a document.
fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str).map(str::to_owned));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[tokio::test]
async fn every_route_is_described_and_every_description_is_served() {
    let site = Site::new().await;
    let names = ["api", "start", "stop", "restart", "kill"];
    site.show(snapshot(2, names.map(|name| process(name, ready(0))).into()));
    let document = site.get("/api/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    let described: Vec<_> = paths
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |method| format!("{method} {path}")))
        .collect();
    let expected = [
        "get /api/v1/clients",
        "delete /api/v1/clients/{id}",
        "get /api/v1/config",
        "get /api/v1/event-log",
        "get /api/v1/events",
        "get /api/v1/logs",
        "get /api/v1/logs/follow",
        "get /api/v1/logs/lost",
        "get /api/v1/logs/usage",
        "post /api/v1/reload",
        "post /api/v1/shutdown",
        "get /api/v1/snapshot",
        "get /api/v1/tasks/kill",
        "post /api/v1/tasks/kill",
        "get /api/v1/tasks/restart",
        "post /api/v1/tasks/restart",
        "get /api/v1/tasks/start",
        "post /api/v1/tasks/start",
        "get /api/v1/tasks/stop",
        "post /api/v1/tasks/stop",
        "get /api/v1/tasks/{name}",
        "get /api/v1/tasks/{name}/attach",
        "get /api/v1/tasks/{name}/env",
        "post /api/v1/tasks/{name}/env",
        "post /api/v1/tasks/{name}/input",
        "post /api/v1/tasks/{name}/kill",
        "delete /api/v1/tasks/{name}/log",
        "post /api/v1/tasks/{name}/restart",
        "get /api/v1/tasks/{name}/runs",
        "post /api/v1/tasks/{name}/scale",
        "post /api/v1/tasks/{name}/signal",
        "post /api/v1/tasks/{name}/start",
        "post /api/v1/tasks/{name}/stop",
        "get /api/v1/tasks/{name}/why",
        "get /api/v1/version",
        "get /api/v1/why",
        "get /healthz",
        "get /metrics",
        "get /readyz",
    ];
    assert_eq!(described, expected);
    site.kernel.screens().add("api").begin();
    // Streams do not end, there is one client to disconnect, and no process whose environment could be told; the tests of
    // each ask for them.
    let special = [
        "delete /api/v1/clients/{id}",
        "get /api/v1/events",
        "get /api/v1/logs/follow",
        "delete /api/v1/tasks/{name}/log",
        "get /api/v1/tasks/{name}/attach",
        "get /api/v1/tasks/{name}/env",
        "post /api/v1/tasks/{name}/env",
    ];
    for operation in described.iter().filter(|operation| !special.contains(&operation.as_str())) {
        let (method, path) = operation.split_once(' ').unwrap();
        let path = path.replace("{name}", "api");
        let answer = match method {
            "get" => site.get(&path).await,
            _ if ["start", "stop", "restart", "kill"].iter().any(|verb| path == format!("/api/v1/tasks/{verb}")) => {
                site.post_json(&path, r#"{"all": true}"#).await
            }
            _ if path.ends_with("/signal") => site.post_json(&path, r#"{"signal": "SIGHUP"}"#).await,
            _ if path.ends_with("/scale") => site.post_json(&path, r#"{"replicas": 2}"#).await,
            _ => site.post(&path).await,
        };
        let is_done = method == "get" || path == "/api/v1/reload" || path.ends_with("/scale");
        let status = if is_done { 200 } else { 202 };
        assert_eq!(answer.status, status, "{operation}");
        let item = &document["paths"][operation.split_once(' ').unwrap().1][method];
        let media = answer.header("content-type").unwrap().split(';').next().unwrap().to_owned();
        let content = item["responses"][status.to_string()]["content"].as_object().unwrap();
        assert!(content.keys().any(|described| described.starts_with(&media)), "{operation}: {media}");
    }
}

#[tokio::test]
async fn every_type_that_is_spoken_of_is_described() {
    let document = Site::new().await.get("/api/openapi.json").await.json();
    let mut spoken = BTreeSet::new();
    references(&document, &mut spoken);
    assert!(spoken.contains("#/components/schemas/LastExit"), "{spoken:?}");
    // What is composed can't be read by generators of clients.
    assert!(!document.to_string().contains("allOf"), "{document:#}");
    for reference in spoken {
        assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
    }
}
