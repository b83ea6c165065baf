//! Compose files of docker: each service becomes a task that has `docker compose` run its container.
//!
//! Only for `stead import`: what is in the file stays docker's business, and is read by it at every start.

use std::path::Path;

use toml::Value as Toml;

use super::draft::{ConfigDraft, Weight};
use super::escape::escaped;
use super::fields::{Field, Fields};
use super::source::Place;
use super::surroundings::Surroundings;
use super::write::Comment;
use super::yaml;

/// The names that `docker compose` finds by itself.
const DEFAULT_NAMES: [&str; 4] = ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

/// Reads the compose file with the number `file`, which lies at `path`. Gives its comments.
pub(super) fn read(draft: &mut ConfigDraft, file: usize, path: &Path, around: &Surroundings) -> Vec<Comment> {
    let text = draft.sources.get(file).text.clone();
    let document = match yaml::parse(&text, &|span| Place::new(file, span)) {
        Ok(document) => document,
        Err(mistake) => {
            draft.mistakes.push(mistake);
            return Vec::new();
        }
    };
    let first = Place::new(file, 0..0);
    let Some(root) = document.root.as_ref().filter(|root| root.mapping().is_some()) else {
        draft.refuse(&first, "this is no compose file", "expected a mapping with `services`");
        return Vec::new();
    };
    let mut fields = Fields::root(root);
    let absolute = around.absolute(path);
    if let Some(env) = around.read(draft, &absolute.parent().unwrap_or(&around.cwd).join(".env"), &first) {
        let env_file = escaped(&around.relative(&absolute.with_file_name(".env")));
        let place = Place::new(env, 0..0);
        draft.fill(&["supervisor", "env_file"], vec![Toml::from(env_file)], &place, "docker compose reads it");
    }
    let services = fields.take("services");
    let mut compose = Compose { base: base(&absolute, around), names: Vec::new(), waited_for: Vec::new() };
    if let Some(services) = &services {
        compose.read(draft, services);
    }
    if compose.names.is_empty() && draft.mistakes.is_empty() {
        draft.refuse(&root.place, "no service is declared", "expected at least one below `services`");
    }
    if let Some(include) = fields.take("include") {
        let what = "services of included files are no tasks here; docker compose knows them all the same";
        draft.drop(Weight::Notable, include.key_place, "include", what);
    }
    let what = "what is not about order, readiness, restarts and stops stays in the compose file, which docker reads";
    draft.drop(Weight::Minor, &first, "services", what);
    document.comments
}

/// `docker compose`, with the file where it would not be found.
fn base(path: &Path, around: &Surroundings) -> Vec<Toml> {
    let mut words = vec![Toml::from("docker"), "compose".into()];
    let is_default = path.file_name().is_some_and(|name| DEFAULT_NAMES.iter().any(|known| name == *known));
    if !is_default || around.relative(path.parent().unwrap_or(path)) != "." {
        words.push("-f".into());
        words.push(escaped(&around.relative(path)).into());
    }
    words
}

struct Compose {
    base: Vec<Toml>,
    /// What services are called there and here.
    names: Vec<(String, String)>,
    /// Services whose health is waited for.
    waited_for: Vec<String>,
}

impl Compose {
    fn read(&mut self, draft: &mut ConfigDraft, services: &Field<'_>) {
        let entries = Fields::of(draft, services).rest();
        for service in &entries {
            let name = service.key["services.".len()..].to_owned();
            let task = draft.task_name(&name);
            self.names.push((name, task));
            let dependencies = service.node.get("depends_on").and_then(|depends| depends.mapping()).unwrap_or_default();
            for (on, how) in dependencies {
                if how.get("condition").is_some_and(|condition| condition.is_text("service_healthy")) {
                    self.waited_for.extend(on.scalar().map(|scalar| scalar.text.clone()));
                }
            }
        }
        for (at, service) in entries.iter().enumerate() {
            let (name, task) = self.names[at].clone();
            draft.table(&["tasks", &task], service.key_place);
            if name != task {
                draft.drop(Weight::Notable, service.key_place, name.clone(), format!("stead calls it `{task}`"));
            }
            let mut fields = Fields::of(draft, service);
            self.commands(draft, &mut fields, service, &name, &task);
            self.restart(draft, &mut fields, service, &task);
            self.depends_on(draft, &mut fields, &task);
            self.healthcheck(draft, &mut fields, service, &name, &task);
            if let Some(profiles) = fields.take("profiles") {
                let names = profiles.list(draft);
                let names: Vec<Toml> =
                    names.iter().filter_map(|name| Some(escaped(name.text(draft)?).into())).collect();
                draft.take(&["tasks", &task, "profiles"], names, &profiles.node.place, profiles.key);
            }
            let copies = fields.take("scale").or_else(|| {
                let deploy = fields.take("deploy")?;
                Fields::of(draft, &deploy).take("replicas")
            });
            if let Some(copies) = copies.filter(|copies| !copies.node.is_text("1")) {
                let what = "one task runs one container here: say `--scale` in its command";
                draft.drop(Weight::ChangesWhatRuns, copies.key_place, copies.key, what);
            }
        }
    }

    fn words(&self, words: &[&str]) -> Vec<Toml> {
        self.base.iter().cloned().chain(words.iter().map(|word| Toml::from(*word))).collect()
    }

    /// The same for a shell.
    fn line(&self, words: &[&str]) -> String {
        let words = self.words(words);
        let is_plain = |word: &str| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte));
        let quoted =
            |word: &str| if is_plain(word) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) };
        words.iter().filter_map(Toml::as_str).map(quoted).collect::<Vec<_>>().join(" ")
    }

    fn commands(&self, draft: &mut ConfigDraft, fields: &mut Fields<'_>, service: &Field<'_>, name: &str, task: &str) {
        let shown = escaped(name);
        // Its exit code is that of the container.
        let up = self.line(&["up", "--no-deps", "--no-log-prefix", "--exit-code-from", &shown, &shown]);
        draft.take(&["tasks", task, "command"], up, service.key_place, service.key.clone());
        let stop = self.line(&["stop", &shown]);
        draft.fill(&["tasks", task, "stop", "command"], stop, service.key_place, "docker stops the container");
        // The command has half of the time; docker itself waits 10 s before it kills.
        let grace = fields.take("stop_grace_period");
        let seconds = grace.as_ref().and_then(|field| seconds(draft, field)).unwrap_or(10);
        let timeout = format!("{}s", (seconds + 5) * 2);
        match grace {
            Some(field) => draft.take(&["tasks", task, "stop", "timeout"], timeout, &field.node.place, field.key),
            None => draft.fill(&["tasks", task, "stop", "timeout"], timeout, service.key_place, "docker waits 10 s"),
        }
    }

    /// stead restarts the container, so that it counts and shows it.
    fn restart(&self, draft: &mut ConfigDraft, fields: &mut Fields<'_>, service: &Field<'_>, task: &str) {
        let Some(field) = fields.take("restart") else {
            draft.fill(&["tasks", task, "restart"], "never", service.key_place, "docker restarts nothing by itself");
            return;
        };
        let text = field.text(draft).unwrap_or_default().to_owned();
        let (kind, most) = text.split_once(':').map_or((text.as_str(), None), |(kind, most)| (kind, Some(most)));
        let restart = match kind {
            "no" => "never",
            "always" | "unless-stopped" => "always",
            "on-failure" => "on-failure",
            _ => {
                field.refuse(draft, "expected `no`, `always`, `unless-stopped` or `on-failure`");
                return;
            }
        };
        draft.take(&["tasks", task, "restart"], restart, &field.node.place, field.key.clone());
        if let Some(count) = most.and_then(|most| most.parse::<i64>().ok()) {
            draft.take(&["tasks", task, "max_retries"], count, &field.node.place, field.key);
        }
    }

    fn depends_on(&self, draft: &mut ConfigDraft, fields: &mut Fields<'_>, task: &str) {
        let Some(field) = fields.take("depends_on") else { return };
        let entries: Vec<(String, Field<'_>)> = match field.node.sequence() {
            Some(_) => {
                let items = field.list(draft);
                items.into_iter().filter_map(|item| Some((item.text(draft)?.to_owned(), item))).collect()
            }
            None => {
                let prefix = field.key.len() + 1;
                let entries = Fields::of(draft, &field).rest();
                entries.into_iter().map(|entry| (entry.key[prefix..].to_owned(), entry)).collect()
            }
        };
        for (name, entry) in entries {
            let condition =
                entry.node.get("condition").and_then(|node| node.scalar()).map(|scalar| scalar.text.as_str());
            let is = match condition {
                None | Some("service_started") => "started",
                Some("service_healthy") => "ready",
                Some("service_completed_successfully") => "success",
                Some(_) => {
                    let words = "`service_started`, `service_healthy` or `service_completed_successfully`";
                    entry.refuse(draft, format!("expected {words}"));
                    continue;
                }
            };
            match self.names.iter().find(|(known, _)| *known == name) {
                Some((_, on)) => draft.take(&["tasks", task, "after", on], is, &entry.node.place, entry.key),
                None => {
                    let title = format!("`{}` is waited for and not declared", name.escape_debug());
                    draft.refuse(entry.key_place, title, "expected the name of a service");
                }
            }
        }
    }

    fn healthcheck(
        &self,
        draft: &mut ConfigDraft,
        fields: &mut Fields<'_>,
        service: &Field<'_>,
        name: &str,
        task: &str,
    ) {
        let shown = escaped(name);
        let field = fields.take("healthcheck");
        let mut check = field.as_ref().map(|field| Fields::of(draft, field));
        let test = check.as_mut().and_then(|check| check.take("test"));
        let is_off =
            check.as_mut().and_then(|check| check.take("disable")).is_some_and(|field| field.node.is_text("true"));
        if is_off {
            return;
        }
        match test.as_ref().map(|test| test_words(draft, test)) {
            Some(None) => return,
            Some(Some(words)) => {
                let exec = self.words(&["exec", "-T", &shown]).into_iter().chain(words).collect::<Vec<_>>();
                let place = test.as_ref().map_or(service.key_place, |test| &test.node.place);
                draft.take(&["tasks", task, "ready", "exec"], exec, place, format!("{}.healthcheck.test", service.key));
            }
            // The image has a healthcheck of its own: docker knows how it went.
            None if self.waited_for.iter().any(|waited| waited == name) => {
                let container = self.line(&["ps", "-q", &shown]);
                let line = format!(
                    "docker inspect --format '{{{{.State.Health.Status}}}}' \"$({container})\" | grep -qx healthy"
                );
                let why = "others wait for its health, which docker checks";
                draft.fill(&["tasks", task, "ready", "exec"], line, service.key_place, why);
            }
            None => return,
        }
        for (key, to, default) in [("interval", "interval", "30s"), ("timeout", "timeout", "30s")] {
            let found = check.as_mut().and_then(|check| check.take(key));
            let path = ["tasks", task, "ready", to];
            match found.and_then(|field| Some((seconds(draft, &field)?, field))) {
                Some((seconds, field)) => {
                    draft.take(&path, format!("{}s", seconds.max(1)), &field.node.place, field.key)
                }
                None => draft.fill(&path, default, service.key_place, format!("docker's {key}")),
            }
        }
    }
}

/// The command of a healthcheck, which runs in the container; none if there is to be no check.
fn test_words(draft: &mut ConfigDraft, test: &Field<'_>) -> Option<Vec<Toml>> {
    let shell = |line: &str| vec![Toml::from("sh"), "-c".into(), interpolated(line).into()];
    if test.node.sequence().is_none() {
        let line = test.text(draft)?;
        return (line != "NONE").then(|| shell(line));
    }
    let words: Vec<String> = test.list(draft).iter().filter_map(|word| word.text(draft).map(str::to_owned)).collect();
    match words.split_first() {
        Some((kind, rest)) if kind == "CMD" => Some(rest.iter().map(|word| interpolated(word).into()).collect()),
        Some((kind, rest)) if kind == "CMD-SHELL" => Some(shell(&rest.join(" "))),
        Some((kind, _)) if kind == "NONE" => None,
        _ => {
            test.refuse(draft, "expected [\"CMD\", …], [\"CMD-SHELL\", …] or a line");
            None
        }
    }
}

/// Variables of a compose file as stead's: `$NAME` and `${NAME}` are replaced there, `$$` is a dollar.
fn interpolated(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            // What follows is the shell's: stead must not take it for a variable of its own.
            out.push_str(if after.starts_with('{') { "$$" } else { "$" });
            rest = after;
            continue;
        }
        let braces = rest.strip_prefix('{').and_then(|inside| inside.split_once('}'));
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        match braces {
            Some((inside, after)) => {
                let name = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(inside.len());
                let (name, form) = inside.split_at(name);
                out.push_str(&match form {
                    form if form.starts_with(":-") || form.starts_with(":?") => format!("${{{inside}}}"),
                    // Of a variable that is set and empty stead makes no difference.
                    form if form.starts_with('-') || form.starts_with('?') => format!("${{{name}:{form}}}"),
                    _ => format!("${{{name}:-}}"),
                });
                rest = after;
            }
            None if end > 0 => {
                out.push_str(&format!("${{{}:-}}", &rest[..end]));
                rest = &rest[end..];
            }
            None => out.push('$'),
        }
    }
    out + rest
}

/// A duration of compose in whole seconds, rounded up: `1m30s`, `500ms`.
fn seconds(draft: &mut ConfigDraft, field: &Field<'_>) -> Option<i64> {
    let text = field.text(draft)?;
    let (mut total, mut rest) = (0.0, text);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number = rest[..end].parse::<f64>().ok();
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let factor = match &rest[..end] {
            "us" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => f64::NAN,
        };
        total += number.unwrap_or(f64::NAN) * factor;
        rest = &rest[end..];
    }
    if !(0.0..1e9).contains(&total) || text.is_empty() {
        field.refuse(draft, "expected a duration like `10s` or `1m30s`");
        return None;
    }
    Some(total.ceil() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::testing;

    fn imported(files: &[(&str, &str)]) -> String {
        testing::imported(files[0].0, files, |_| {}, read)
    }

    #[test]
    fn services_become_tasks_of_docker() {
        insta::assert_snapshot!(imported(&[("compose.yaml", r#"
services:
  # the database
  db:
    image: postgres
    restart: unless-stopped
    stop_grace_period: 1m
    healthcheck:
      test: ["CMD-SHELL", "pg_isready -U ${USER} -d $$PGDATABASE"]
      interval: 5s
  cache:
    image: redis
    restart: on-failure:3
  api:
    build: .
    profiles: [dev]
    depends_on:
      db: { condition: service_healthy }
      cache: { condition: service_healthy }
      migrate: { condition: service_completed_successfully }
  migrate:
    build: .
    depends_on: [db]
    deploy: { replicas: 2 }
"#), (".env", "USER=x\n")]), @r#"
[supervisor]
env_file = [".env"]

# the database
[tasks.db]
command = "docker compose up --no-deps --no-log-prefix --exit-code-from db db"
restart = "always"
stop = { command = "docker compose stop db", timeout = "130s" }

[tasks.db.ready]
exec = ["docker", "compose", "exec", "-T", "db", "sh", "-c", "pg_isready -U ${USER:-} -d $PGDATABASE"]
interval = "5s"
timeout = "30s"

[tasks.cache]
command = "docker compose up --no-deps --no-log-prefix --exit-code-from cache cache"
max_retries = 3
stop = { command = "docker compose stop cache", timeout = "30s" }

[tasks.cache.ready]
exec = """docker inspect --format '{{.State.Health.Status}}' "$(docker compose ps -q cache)" | grep -qx healthy"""
interval = "30s"
timeout = "30s"

[tasks.api]
command = "docker compose up --no-deps --no-log-prefix --exit-code-from api api"
profiles = ["dev"]
restart = "never"
after = { db = "ready", cache = "ready", migrate = "success" }
stop = { command = "docker compose stop api", timeout = "30s" }

[tasks.migrate]
command = "docker compose up --no-deps --no-log-prefix --exit-code-from migrate migrate"
restart = "never"
after = { db = "started" }
stop = { command = "docker compose stop migrate", timeout = "30s" }
! compose.yaml:24 services.migrate.deploy.replicas: one task runs one container here: say `--scale` in its command
. compose.yaml:1 services: what is not about order, readiness, restarts and stops stays in the compose file, which docker reads
"#);
    }

    #[test]
    fn a_file_with_another_name_is_named() {
        insta::assert_snapshot!(imported(&[("stack.yml", "services:\n  web: { image: x, healthcheck: { test: curl -f localhost } }\n  b: { depends_on: [c], restart: often }\n")]), @r#"
[tasks.web]
command = "docker compose -f stack.yml up --no-deps --no-log-prefix --exit-code-from web web"
restart = "never"
stop = { command = "docker compose -f stack.yml stop web", timeout = "30s" }

[tasks.web.ready]
exec = ["docker", "compose", "-f", "stack.yml", "exec", "-T", "web", "sh", "-c", "curl -f localhost"]
interval = "30s"
timeout = "30s"

[tasks.b]
command = "docker compose -f stack.yml up --no-deps --no-log-prefix --exit-code-from b b"
stop = { command = "docker compose -f stack.yml stop b", timeout = "30s" }
. stack.yml:1 services: what is not about order, readiness, restarts and stops stays in the compose file, which docker reads
error stack.yml:3 wrong value for `services.b.restart`: expected `no`, `always`, `unless-stopped` or `on-failure`
error stack.yml:3 `c` is waited for and not declared: expected the name of a service
"#);
    }

    #[test]
    fn variables_are_written_as_steads() {
        for (text, written) in [
            ("$A ${A} ${A:-b} ${A:?m} ${A-b}", "${A:-} ${A:-} ${A:-b} ${A:?m} ${A:-b}"),
            ("$$A $${A} $ x", "$A $${A} $ x"),
        ] {
            assert_eq!(interpolated(text), written, "{text}");
        }
    }
}
