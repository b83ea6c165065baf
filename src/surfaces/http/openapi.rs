//! Routes that describe themselves: what is served and what `/api/openapi.json` says of it are made by the same call,
//! so that neither can be without the other.

use std::collections::BTreeMap;

use axum::Router;
use axum::handler::Handler;
use axum::http::{StatusCode, header};
use axum::routing::{MethodFilter, get, on};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::flat_schemas::flatten;
use super::state::Api;
use crate::wire::ProblemBody;

/// Where the description is.
const DESCRIPTION_PATH: &str = "/api/openapi.json";
const JSON_MEDIA: &str = "application/json";

/// Routes, and what there is to say of them.
#[derive(Default)]
pub(super) struct Routes {
    router: Router<Api>,
    paths: BTreeMap<&'static str, Map<String, Value>>,
    schemas: Schemas,
}

/// What can be asked at a path.
pub(super) struct Operation {
    path: &'static str,
    method: MethodFilter,
    verb: &'static str,
    about: Value,
    schemas: Schemas,
}

/// The types that are spoken of, by their names.
type Schemas = BTreeMap<String, Value>;

impl Routes {
    /// The routes of several groups, each under its tag.
    pub(super) fn of<const GROUPS: usize>(groups: [(&str, Self); GROUPS]) -> Self {
        groups.into_iter().fold(Self::default(), |mut all, (tag, mut group)| {
            all.router = all.router.merge(group.router);
            group.paths.values_mut().flat_map(Map::values_mut).for_each(|about| about["tags"] = json!([tag]));
            all.paths.extend(group.paths);
            all.schemas.extend(group.schemas);
            all
        })
    }

    /// Serves what `operation` describes.
    pub(super) fn route<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Api>,
        T: 'static,
    {
        let Operation { path, method, verb, about, schemas } = operation;
        self.router = self.router.route(path, on(method, handler));
        self.paths.entry(path).or_default().insert(verb.to_owned(), about);
        self.schemas.extend(schemas);
        self
    }

    /// Everything, with the description itself.
    pub(super) fn finish(self) -> Router<Api> {
        let document = json!({
            "openapi": "3.1.0",
            "info": {
                "title": "stead",
                "description": "What a supervisor shows, and what can be asked of it. \
                                Times are milliseconds on its own clock.",
                "version": env!("CARGO_PKG_VERSION"),
                "license": { "name": env!("CARGO_PKG_LICENSE") },
            },
            "paths": self.paths,
            "components": {
                "schemas": flatten(&self.schemas),
                "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            },
        });
        let document = document.to_string();
        self.router.route(DESCRIPTION_PATH, get(move || async { ([(header::CONTENT_TYPE, JSON_MEDIA)], document) }))
    }
}

impl Operation {
    /// Reads something. `id` is the name of the function in generated clients.
    pub(super) fn get(id: &str, path: &'static str, about: &str) -> Self {
        Self::new(id, path, (MethodFilter::GET, "get"), about)
    }

    /// Changes something.
    pub(super) fn post(id: &str, path: &'static str, about: &str) -> Self {
        Self::new(id, path, (MethodFilter::POST, "post"), about)
    }

    /// Removes something.
    pub(super) fn delete(id: &str, path: &'static str, about: &str) -> Self {
        Self::new(id, path, (MethodFilter::DELETE, "delete"), about)
    }

    fn new(id: &str, path: &'static str, (method, verb): (MethodFilter, &'static str), about: &str) -> Self {
        let about = json!({ "operationId": id, "summary": about });
        let mut operation = Self { path, method, verb, about, schemas: Schemas::new() };
        if path.starts_with("/api/") {
            // Only over TCP.
            operation.about["security"] = json!([{ "token": [] }, {}]);
        }
        let problem = operation.reference::<ProblemBody>();
        operation.about["responses"]["default"] = json!({
            "description": "It is refused, and the detail says why.",
            "content": { "application/problem+json": { "schema": problem } },
        });
        if path.contains("{name}") {
            operation.parameter("path", "name", "The task's name.", json!({ "type": "string" }));
        }
        if path.contains("{id}") {
            operation.parameter("path", "id", "Its number.", json!({ "type": "integer", "minimum": 0 }));
        }
        operation
    }

    /// A part of the query that can be left out; what it is like is said by a regular expression.
    pub(super) fn query(self, name: &str, pattern: &str, about: &str) -> Self {
        self.query_as(name, json!({ "type": "string", "pattern": pattern }), about)
    }

    /// A part of the query that can be left out, of this schema.
    pub(super) fn query_as(mut self, name: &str, schema: Value, about: &str) -> Self {
        self.parameter("query", name, about, schema);
        self
    }

    /// A body.
    pub(super) fn takes<T: ToSchema>(mut self) -> Self {
        let schema = self.reference::<T>();
        self.takes_as(JSON_MEDIA, schema)
    }

    /// A body of any bytes.
    pub(super) fn takes_bytes(self) -> Self {
        let mut taken = self.takes_as("application/octet-stream", json!({ "type": "string", "format": "binary" }));
        // No bytes are bytes, too.
        taken.about["requestBody"]["required"] = json!(false);
        taken
    }

    fn takes_as(mut self, media: &str, schema: Value) -> Self {
        self.about["requestBody"] = json!({ "required": true, "content": { media: { "schema": schema } } });
        self
    }

    /// A change that is asked for with GET: a WebSocket.
    pub(super) fn socket(id: &str, path: &'static str, about: &str) -> Self {
        let mut operation = Self::get(id, path, about);
        operation.about["responses"]["101"] = json!({ "description": "A WebSocket from here on." });
        operation
    }

    /// Is answered with this type, as JSON.
    pub(super) fn answers<T: ToSchema>(mut self, status: StatusCode) -> Self {
        let schema = self.reference::<T>();
        self.answers_as(status, JSON_MEDIA, schema)
    }

    /// Is answered with a list of this type, as JSON.
    pub(super) fn answers_list_of<T: ToSchema>(mut self) -> Self {
        let schema = json!({ "type": "array", "items": self.reference::<T>() });
        self.answers_as(StatusCode::OK, JSON_MEDIA, schema)
    }

    /// Is answered with text of this media type.
    pub(super) fn answers_text(self, media: &str) -> Self {
        self.answers_as(StatusCode::OK, media, json!({ "type": "string" }))
    }

    /// Is answered with an object that is described elsewhere.
    pub(super) fn answers_object(self) -> Self {
        self.answers_as(StatusCode::OK, JSON_MEDIA, json!({ "type": "object" }))
    }

    fn answers_as(mut self, status: StatusCode, media: &str, schema: Value) -> Self {
        let description = status.canonical_reason().unwrap_or_default();
        let answer = &mut self.about["responses"][status.as_str()];
        answer["description"] = json!(description);
        // Another media type may be there already: the client's `Accept` chooses.
        answer["content"][media] = json!({ "schema": schema });
        self
    }

    fn parameter(&mut self, place: &str, name: &str, about: &str, schema: Value) {
        let parameter = json!({
            "in": place,
            "name": name,
            "description": about,
            "required": place == "path",
            "schema": schema,
        });
        match &mut self.about["parameters"] {
            Value::Array(parameters) => parameters.push(parameter),
            none => *none = json!([parameter]),
        }
    }

    /// A reference to a type, which is described with all that it is made of.
    fn reference<T: ToSchema>(&mut self) -> Value {
        let mut found = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut found);
        for (name, schema) in found {
            let schema = serde_json::to_value(schema).expect("a schema is plain data with string keys");
            self.schemas.insert(name, schema);
        }
        json!({ "$ref": format!("#/components/schemas/{}", T::name()) })
    }
}
