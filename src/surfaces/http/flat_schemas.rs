//! Schemas of types that are flattened into one object.
//!
//! The derived schema of such a type says that a value is all of several, one of which is one of several more. That is
//! true, and generators of clients can't read it: they have no type for it. What is sent is one object, so this says so:
//! every member that there may be, and which of them there always are.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

const ALL_OF: &str = "allOf";
const ONE_OF: &str = "oneOf";

/// The same schemas, where what was composed of several is one object.
pub(super) fn flatten(schemas: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    schemas.iter().map(|(name, schema)| (name.clone(), flat(schema, schemas))).collect()
}

fn flat(schema: &Value, schemas: &BTreeMap<String, Value>) -> Value {
    match schema {
        Value::Object(members) if members.contains_key(ALL_OF) => Flat::of(schema, schemas).schema(),
        Value::Object(members) => members.iter().map(|(key, value)| (key.clone(), flat(value, schemas))).collect(),
        Value::Array(items) => items.iter().map(|item| flat(item, schemas)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => schema.clone(),
    }
}

/// The members of an object.
#[derive(Debug, Default)]
struct Flat {
    description: Option<Value>,
    properties: Map<String, Value>,
    required: Vec<Value>,
    additional: Option<Value>,
}

impl Flat {
    fn of(schema: &Value, schemas: &BTreeMap<String, Value>) -> Self {
        if let Some(target) = referenced(schema, schemas) {
            return Self::of(target, schemas);
        }
        let parts = |key: &str| schema.get(key).and_then(Value::as_array).into_iter().flatten();
        let mut flat = Self::object(schema);
        for part in parts(ALL_OF) {
            flat.and(Self::of(part, schemas));
        }
        if let Some(alternatives) = parts(ONE_OF).map(|part| Self::of(part, schemas)).reduce(Self::or) {
            flat.and(alternatives);
        }
        flat
    }

    fn object(schema: &Value) -> Self {
        Self {
            description: schema.get("description").cloned(),
            properties: schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default(),
            required: schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default(),
            additional: schema.get("additionalProperties").cloned(),
        }
    }

    /// Adds the members of another part.
    fn and(&mut self, part: Self) {
        self.description = self.description.take().or(part.description);
        self.additional = self.additional.take().or(part.additional);
        for (name, schema) in part.properties {
            self.add(name, schema);
        }
        self.required.extend(part.required);
    }

    /// What is this or another: only what both require is always there.
    fn or(mut self, other: Self) -> Self {
        self.description = None;
        self.required.retain(|name| other.required.contains(name));
        for (name, schema) in other.properties {
            self.add(name, schema);
        }
        self
    }

    fn add(&mut self, name: String, schema: Value) {
        let either = match self.properties.remove(&name) {
            None => schema,
            Some(known) => either(known, schema),
        };
        self.properties.insert(name, either);
    }

    fn schema(self) -> Value {
        let Self { description, properties, required, additional } = self;
        let mut schema = json!({ "type": "object", "properties": properties, "required": required });
        for (key, value) in [("description", description), ("additionalProperties", additional)] {
            schema.as_object_mut().into_iter().for_each(|schema| {
                value.clone().map(|value| schema.insert(key.to_owned(), value));
            });
        }
        schema
    }
}

fn referenced<'a>(schema: &Value, schemas: &'a BTreeMap<String, Value>) -> Option<&'a Value> {
    let name = schema.get("$ref")?.as_str()?.rsplit('/').next()?;
    schemas.get(name)
}

/// What is like one of two: the words of both, if both are words.
fn either(one: Value, other: Value) -> Value {
    let words = |schema: &Value| schema.get("enum").and_then(Value::as_array).cloned();
    match (words(&one), words(&other)) {
        (Some(mut all), Some(more)) => {
            all.extend(more.into_iter().filter(|word| !all.contains(word)).collect::<Vec<_>>());
            json!({ "type": "string", "enum": all })
        }
        _ if without_description(&one) == without_description(&other) => one,
        _ => {
            // A choice within a choice is one choice: a value that fits twice would be valid as neither.
            let mut choices = alternatives(one);
            for other in alternatives(other) {
                if !choices.iter().any(|known| without_description(known) == without_description(&other)) {
                    choices.push(other);
                }
            }
            json!({ "oneOf": choices })
        }
    }
}

/// What a schema is a choice of: itself, if it is none.
fn alternatives(schema: Value) -> Vec<Value> {
    schema.get(ONE_OF).and_then(Value::as_array).cloned().unwrap_or_else(|| vec![schema])
}

fn without_description(schema: &Value) -> Value {
    let mut schema = schema.clone();
    schema.as_object_mut().map(|members| members.remove("description"));
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_within_a_choice_is_one() {
        let number = json!({ "type": "integer", "description": "When it is over." });
        let maybe = json!({ "oneOf": [{ "type": "integer" }, { "type": "null" }] });
        let choices = |schema: &Value| schema["oneOf"].as_array().map(Vec::len);
        assert_eq!(choices(&either(number.clone(), maybe.clone())), Some(2));
        assert_eq!(choices(&either(maybe, number)), Some(2));
    }

    #[test]
    fn what_is_composed_becomes_one_object() {
        let schemas = BTreeMap::from([
            (
                "Phase".to_owned(),
                json!({ "oneOf": [
                    { "type": "object", "required": ["state", "since"],
                      "properties": { "state": { "type": "string", "enum": ["up"] }, "since": { "type": "integer" },
                                      "why": { "type": "integer" } } },
                    { "type": "object", "required": ["state"],
                      "properties": { "state": { "type": "string", "enum": ["down"] }, "why": { "type": "string" } } },
                ] }),
            ),
            (
                "Task".to_owned(),
                json!({ "allOf": [
                    { "$ref": "#/components/schemas/Phase" },
                    { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } },
                ], "description": "One task." }),
            ),
        ]);
        let flat = flatten(&schemas);
        assert_eq!(flat["Phase"], schemas["Phase"], "that is a choice still");
        assert_eq!(
            flat["Task"],
            json!({
                "type": "object", "description": "One task.", "required": ["state", "name"],
                "properties": {
                    "name": { "type": "string" }, "since": { "type": "integer" },
                    "state": { "type": "string", "enum": ["up", "down"] },
                    "why": { "oneOf": [{ "type": "integer" }, { "type": "string" }] },
                },
            })
        );
    }
}
